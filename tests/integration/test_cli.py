"""Every command as a person types it: real processes, a runtime directory for each test."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import farptr as fp
from farptr.cli import EXIT_CODES, cli, main
from farptr.cli.output import exit_code_of
from farptr.launch.rundir import find, list_runs
from farptr.protocol.errors import ERRORS, FarptrError
from tests.conftest import alive, until
from tests.integration.commands import FARPTR, PATIENCE_S, ROOT, ended, farptr, last_line, ok, pids_of, refused, rows

COMMANDS = [*cli.commands]
KEYS = [f"keys {name}" for name in cli.commands["keys"].commands]
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


# ---------------------------------------------------------------- help and versions


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from farptr.cli import main; code = main(['--help'])\n"
        "heavy = {'numpy', 'zmq', 'rich', 'psutil', 'cloudpickle', 'farptr.client', 'farptr.broker', 'farptr.worker'}\n"
        "sys.exit(code or ' '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_lists_commands_and_exit_codes():
    text = ok("--help")
    for command in (*COMMANDS, "--version"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)
    for code, meaning in EXIT_CODES:
        assert re.search(rf"^ +{code} +{re.escape(meaning)}$", text, re.MULTILINE)
    assert ok() == text


@pytest.mark.parametrize("command", [*(command for command in COMMANDS if command != "keys"), *KEYS])
def test_each_command_has_an_example_and_its_exit_codes(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^  Examples?:\n    farptr {command}", text, re.MULTILINE)
    assert "\n  Exit codes:\n" in text


def test_version():
    lines = ok("--version").splitlines()
    assert lines[0] == f"farptr {fp.__version__}"
    assert re.fullmatch(r"Python 3\.\d+\.\S+, NumPy \d+\.\S+", lines[1])
    assert re.fullmatch(r"pyzmq \d+\.\S+, libzmq \d+\.\S+", lines[2])


def test_every_exit_code_is_documented():
    codes = {str(cls.exit_code) for cls in ERRORS.values()} | {"0", "2", "9", "10", "130", "141"}
    assert codes == {code for code, _ in EXIT_CODES}
    page = (ROOT / "docs" / "cli.md").read_text()
    for code, meaning in EXIT_CODES:
        assert f"| {code} | {meaning} |" in page


@pytest.mark.parametrize("cls", [cls for cls in ERRORS.values() if cls.__name__ != "SeveralFailed"])
def test_each_error_has_its_exit_code(cls, capsys):
    assert exit_code_of(cls("what happened", hint="what to do")) == cls.exit_code
    assert capsys.readouterr().err == "error: what happened\nhint: what to do\n"


# ---------------------------------------------------------------- a run from up to down


def test_a_detached_run_from_up_to_down(base):
    text = ok("up", "julie", "toby", "-d")
    info = find("default")
    assert list(info.workers) == ["julie", "toby"]
    assert all(map(alive, pids_of(info)))
    assert f"julie   up  pid {info.workers['julie']}" in text
    for hint in ("next: farptr ps ", "farptr objects ", "fp.connect() ", "farptr down "):
        assert hint in text

    table = rows(ok("ps"))
    assert list(table) == ["julie", "toby", "broker", "supervisor"]
    run, _, role, pid, state, count, uptime, memory = table["toby"]
    assert (run, role, pid, state, count) == ("default", "worker", str(info.workers["toby"]), "idle", "0")
    assert re.fullmatch(r"\d+s", uptime)
    assert re.fullmatch(r"[\d.]+ MB", memory)

    assert ok("down") == "run default has ended\n"
    assert not any(map(alive, pids_of(info)))
    assert list(base.iterdir()) == []


def test_objects_and_ps_see_what_a_client_holds(base):
    np.savez(base / "shard.npz", x=np.ones((3, 2)))
    ok("up", f"julie={base / 'shard.npz'}", "toby", "-d", "-c", "team")
    (base / "shard.npz").unlink()
    with fp.connect("team") as sim:
        data = fp.tensor([1, 2, 3]).send(sim["julie"])
        chain = data.send(sim["toby"])
        julie_id, toby_id = data.id_at_location, chain.id_at_location

        table = ok("objects", "-c", "team")
        assert re.search(rf"^julie +{julie_id} +array +3 +int64 +tensor\(\[1, 2, 3\]\)", table, re.MULTILINE)
        assert re.search(rf"^toby +{toby_id} +pointer +→ julie:{julie_id}", table, re.MULTILINE)
        assert re.search(r"^julie +\d{11} +own data +3x2 +float64 +'x', not shown", table, re.MULTILINE)
        assert "toby" not in ok("objects", "julie", "-c", "team")

        tree = ok("objects", "--tree", "-c", "team")
        assert f"client {os.getpid()}" in tree
        assert f"→ toby:{toby_id} → julie:{julie_id}  tensor([1, 2, 3])" in tree
        assert "'x', not shown" in tree
        assert "'x', not shown" not in ok("objects", "toby", "--tree", "-c", "team")

        found = rows(ok("ps", "-c", "team"))
        assert [found[name][5] for name in ("julie", "toby")] == ["2", "1"]
        assert found["me"][2:5] == ["client", str(os.getpid()), "up"]
    ok("down", "-c", "team")


def test_objects_of_an_empty_run_says_so(base):
    ok("up", "julie", "-d")
    assert ok("objects").strip() == "no worker holds anything"
    assert ok("objects", "--tree").strip() == "no worker holds anything"
    assert ok("objects", "-c", find("default").address).strip() == "no worker holds anything"


def test_up_makes_numbered_workers(base):
    ok("up", "-n", "3", "julie", "-d")
    assert list(find("default").workers) == ["julie", "w1", "w2", "w3"]


def test_ps_tells_what_is_stopped_and_does_not_hang(base):
    ok("up", "julie", "toby", "-d")
    info = find("default")
    os.kill(info.workers["toby"], signal.SIGSTOP)
    table = rows(ok("ps"))
    assert table["toby"][4:6] == ["stopped", "?"]
    os.kill(info.workers["toby"], signal.SIGCONT)
    os.kill(info.broker_pid, signal.SIGSTOP)
    text = ok("ps")
    os.kill(info.broker_pid, signal.SIGCONT)
    assert rows(text)["broker"][4] == "stopped"
    assert "default: its broker is stopped" in text


def test_ps_without_a_run_hints_and_succeeds(base):
    assert ok("ps").splitlines() == ["no run is up", "next: farptr up julie toby -d   starts one"]


def test_ps_lists_every_run(base):
    ok("up", "julie", "-d")
    ok("up", "toby", "-d", "-c", "team")
    text = ok("ps")
    assert re.search(r"^default +julie ", text, re.MULTILINE)
    assert re.search(r"^team +toby ", text, re.MULTILINE)
    assert "julie" not in ok("ps", "-c", "team")


# ---------------------------------------------------------------- up in the foreground


def test_ctrl_c_ends_a_run_in_the_foreground(base, terminal):
    child = terminal("up", "julie", "toby")
    child.expect("next: farptr ps")
    child.expect(r"julie +\| .{0,8}joined run default")
    info = find("default")
    child.sendintr()
    said, code = ended(child)
    assert code == 130
    assert last_line(said) == "run default has ended (Ctrl-C)"
    assert "Traceback" not in said
    assert not any(map(alive, pids_of(info)))
    assert list(base.iterdir()) == []


def test_down_ends_a_run_in_the_foreground(base, terminal):
    child = terminal("up", "julie")
    child.expect("joined run")
    until(lambda: list_runs())  # a worker has joined a moment before the run can be found
    ok("down")
    said, code = ended(child)
    assert code == 0
    assert said.strip().endswith("run default has ended")


def test_a_broker_that_dies_is_an_error(base, terminal):
    child = terminal("up", "julie")
    child.expect("joined run")
    until(lambda: list_runs())  # a worker has joined a moment before the run can be found
    os.kill(find("default").broker_pid, signal.SIGKILL)
    said, code = ended(child)
    assert code == 6
    assert "the run ends: the broker is gone" in said
    assert "error: run 'default' has ended: its broker or supervisor died" in said
    assert list(base.iterdir()) == []


def test_a_killed_up_leaves_nothing(base, terminal):
    child = terminal("up", "julie")
    child.expect("joined run")
    until(lambda: list_runs())  # a worker has joined a moment before the run can be found
    pids = pids_of(find("default"))
    child.kill(signal.SIGKILL)
    until(lambda: not any(map(alive, pids)) and not list(base.iterdir()))


def test_colours_only_on_a_terminal_that_wants_them(base, terminal):
    ok("up", "julie", "-d")
    assert "\x1b" not in ok("ps") + ok("logs") + ok("objects")
    said, _ = ended(terminal("ps"))
    assert COLOUR.search(said)
    said, _ = ended(terminal("ps", NO_COLOR="1"))
    assert "julie" in said
    assert not COLOUR.search(said)


# ---------------------------------------------------------------- logs


def test_logs_are_prefixed_filtered_and_tailed(base):
    ok("up", "julie", "toby", "-d")
    log = find("default").directory / "logs" / "julie.log"
    with log.open("a") as file:
        file.write("one\n[red]two[/red]\n")
    lines = ok("logs").splitlines()
    assert {line.split(" | ")[0].strip() for line in lines} >= {"broker", "julie", "toby"}
    assert "julie      | [red]two[/red]" in lines
    assert ok("logs", "julie", "--tail", "2") == "julie | one\njulie | [red]two[/red]\n"
    assert all(line.startswith("broker | ") for line in ok("logs", "broker").splitlines())


def test_logs_follow_until_the_run_ends(base, terminal):
    ok("up", "julie", "-d")
    child = terminal("logs", "-f", "julie")
    child.expect("joined run default")
    with (find("default").directory / "logs" / "julie.log").open("a") as file:
        file.write("something new\n")
    child.expect("something new")
    ok("down")
    assert ended(child)[1] == 0


def test_ctrl_c_ends_logs_and_not_the_run(base, terminal):
    ok("up", "julie", "-d")
    child = terminal("logs", "-f")
    child.expect("joined run default")
    child.sendintr()
    said, code = ended(child)
    assert code == 130
    assert last_line(said) == "ended by Ctrl-C"
    assert find("default")


def test_a_reader_that_leaves_is_no_error(base):
    ok("up", "julie", "-d")
    with (find("default").directory / "logs" / "julie.log").open("a") as file:
        file.write("line\n" * 50_000)
    process = subprocess.Popen([*FARPTR, "logs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE_S) == 141


# ---------------------------------------------------------------- worker and broker


def test_a_broker_on_its_own_and_a_worker_that_joins(base, terminal):
    np.save(base / "x.npy", np.arange(6))
    broker = terminal("broker", "-c", "team")
    broker.expect(r"broker of run team listens at (ipc://\S+)")
    address = broker.match[1]
    broker.expect("next: farptr worker julie --connect team")
    broker.expect("ends the run")
    julie = terminal("worker", "julie", "--connect", "team", "--load", str(base / "x.npy"))
    julie.expect("joined run team as party 1, own data: x")
    toby = terminal("worker", "toby", "--connect", address)
    toby.expect("joined run team as party")
    with fp.connect("team") as sim:
        assert int((sim["julie"]["x"] + 1).sum()) == 21
        assert len(sim) == 2
    table = rows(ok("ps"))
    assert list(table) == ["julie", "toby", "broker"]
    assert "worker julie (1) joined" in ok("logs", "broker", "-c", "team")
    assert "already here" in refused(2, "worker", "toby", "--connect", "team")[0]

    toby.sendintr()
    said, code = ended(toby)
    assert (code, last_line(said)) == (130, "worker toby has ended (Ctrl-C)")
    ok("down", "-c", "team")
    assert ended(broker)[1] == 0
    said, code = ended(julie)
    assert (code, last_line(said)) == (0, "worker julie has ended")
    assert [path.name for path in base.iterdir()] == ["x.npy"]


def test_ctrl_c_ends_a_broker(base, terminal):
    broker = terminal("broker")
    broker.expect("ends the run")
    broker.sendintr()
    said, code = ended(broker)
    assert (code, last_line(said)) == (130, "run default has ended (Ctrl-C)")
    assert list(base.iterdir()) == []


def test_a_terminal_that_is_closed_ends_broker_and_worker_in_good_order(base, terminal):
    broker = terminal("broker")
    broker.expect("ends the run")
    julie = terminal("worker", "julie", "--connect", "default")
    julie.expect("joined run")
    julie.kill(signal.SIGHUP)
    assert last_line(ended(julie)[0]) == "worker julie has ended"
    broker.kill(signal.SIGHUP)
    assert last_line(ended(broker)[0]) == "run default has ended"
    assert list(base.iterdir()) == []


def test_down_ends_a_broker_that_is_stopped(base, terminal):
    broker = terminal("broker")
    broker.expect("ends the run")
    broker.kill(signal.SIGSTOP)
    ok("down")
    ended(broker)
    assert list(base.iterdir()) == []


def test_a_broker_listens_where_it_is_told_and_steals_no_address(base, terminal):
    address = f"ipc://{base}/elsewhere"
    broker = terminal("broker", "--address", address)
    broker.expect("ends the run")
    assert find("default").address == address
    with fp.connect() as sim:
        assert len(sim) == 0
    assert "something listens" in refused(4, "broker", "-c", "other", "--address", address)[0]
    assert "network" in refused(2, "broker", "-c", "other", "--address", "tcp://127.0.0.1:5555")[0]
    broker.sendintr()
    assert ended(broker)[1] == 130
    assert list(base.iterdir()) == []


# ---------------------------------------------------------------- errors


def test_wrong_usage_is_2(base):
    assert refused(2, "up")[0].startswith("a run needs workers")
    assert refused(2, "up", "--colour")[1] == "`farptr up --help` explains"
    assert "No such command 'upp'" in refused(2, "upp")[0]
    assert "'broker' is reserved" in refused(2, "up", "broker")[0]
    assert "two workers would be called 'julie'" in refused(2, "up", "julie", "julie")[0]
    assert "not a legal name for a run" in refused(2, "ps", "-c", "a/b")[0]
    assert refused(2, "worker", "julie")[1] == "`farptr worker --help` explains"


def test_an_unknown_worker_is_2_and_the_nearest_is_named(base):
    ok("up", "julie", "toby", "-d")
    for command in ("objects", "logs"):
        assert refused(2, command, "juli") == ("no worker called 'juli' in this run", "did you mean 'julie'?")


@pytest.mark.parametrize("command", [["down"], ["objects"], ["logs"], ["ps", "-c", "default"]])
def test_no_run_is_3(base, command):
    assert refused(3, *command) == ("no run called 'default'", "`farptr up julie toby` starts one")


def test_no_run_to_join_is_3_and_another_is_named(base):
    ok("up", "julie", "-d", "-c", "team")
    assert refused(3, "worker", "toby", "--connect", "tema")[1] == "did you mean 'team'?"


def test_a_run_that_is_up_is_4(base):
    ok("up", "julie", "-d")
    message, hint = refused(4, "up", "toby", "-d")
    assert message == "a run called 'default' is up"
    assert "farptr down -c default" in hint
    assert refused(4, "broker")[0] == message


def test_a_file_that_cannot_be_loaded_is_5(base):
    assert "there is no file" in refused(5, "up", "julie=missing.npz", "toby", "-d")[0]
    assert list(base.iterdir()) == []
    ok("up", "toby", "-d")
    assert "there is no file" in refused(5, "worker", "julie", "--connect", "default", "--load", "missing.npz")[0]


def test_a_traceback_only_for_who_asks(base):
    done = farptr("down", FARPTR_DEBUG="1")
    assert "Traceback" in done.stderr
    assert "NoRun" in done.stderr
    refused(3, "down", FARPTR_DEBUG="0")


def test_a_bug_is_one_line_too(monkeypatch, capsys):
    monkeypatch.delenv("FARPTR_DEBUG", raising=False)
    monkeypatch.setattr("farptr.launch.rundir.list_runs", lambda: 1 / 0)
    assert main(["ps"]) == 1
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: division by zero\nhint: this is a bug; FARPTR_DEBUG=1 shows where\n"
    )


# ---------------------------------------------------------------- demo


@pytest.fixture
def demos(monkeypatch):
    """Both demonstrations, replaced by notes of how they were called."""
    calls = []
    monkeypatch.setattr("farptr.demo.tour.main", lambda *, console: calls.append("tour"))
    monkeypatch.setattr("farptr.demo.digits.main", lambda *, console, **how: calls.append(how) or 0)
    return calls


def test_demo_runs_both(demos):
    assert main(["demo"]) == 0
    assert demos == ["tour", {"workers": 5, "rounds": 40, "seed": 0}]


def test_demo_runs_one(demos):
    assert main(["demo", "tour"]) == 0
    assert main(["demo", "digits", "--workers", "3", "--rounds", "7", "--seed", "1"]) == 0
    assert demos == ["tour", {"workers": 3, "rounds": 7, "seed": 1}]


def test_demo_passes_on_the_exit_code_and_errors(demos, monkeypatch, capsys):
    monkeypatch.setattr("farptr.demo.digits.main", lambda **_: 1)
    assert main(["demo", "digits"]) == 1

    def missing(**_):
        raise FarptrError("the digits come with scikit-learn", hint="pip install 'farptr[demo]'")

    monkeypatch.setattr("farptr.demo.digits.main", missing)
    assert main(["demo", "digits"]) == 1
    assert capsys.readouterr().err == "error: the digits come with scikit-learn\nhint: pip install 'farptr[demo]'\n"


# ---------------------------------------------------------------- JSON


def document(*arguments, **how):
    return json.loads(ok(*arguments, "--json", **how))


def test_json_of_up_and_ps(base):
    assert document("ps") == {"runs": []}
    started = document("up", "julie", "-d", "-c", "team")
    info = find("team")
    assert started == {
        "run": "team",
        "address": info.address,
        "bound": "",
        "supervisor_pid": info.supervisor_pid,
        "broker_pid": info.broker_pid,
        "workers": [{"name": "julie", "pid": info.workers["julie"]}],
    }
    (run,) = document("ps")["runs"]
    assert (run["name"], run["address"], run["trouble"]) == ("team", info.address, "")
    julie = run["processes"][0]
    assert julie.pop("uptime_s") >= 0
    assert julie.pop("memory_bytes") > 1_000_000
    assert julie.pop("far") is False
    assert julie == {"name": "julie", "role": "worker", "pid": info.workers["julie"], "state": "idle", "objects": 0}
    assert [process["role"] for process in run["processes"]] == ["worker", "broker", "supervisor"]
    os.kill(info.broker_pid, signal.SIGSTOP)
    assert "stopped" in document("ps")["runs"][0]["trouble"]
    os.kill(info.broker_pid, signal.SIGCONT)


def test_json_of_objects(base):
    np.savez(base / "shard.npz", x=np.ones((3, 2)))
    ok("up", f"julie={base / 'shard.npz'}", "toby", "-d")
    with fp.connect() as sim:
        data = fp.tensor([1, 2, 3]).send(sim["julie"])
        chain = data.send(sim["toby"])
        julie_id, toby_id = data.id_at_location, chain.id_at_location
        rows = {(row["worker"], row["kind"]): row for row in document("objects")["objects"]}
        array = {"worker": "julie", "id": julie_id, "kind": "array", "shape": [3], "dtype": "int64"}
        assert rows["julie", "array"] == array | {"text": "tensor([1, 2, 3])", "points_to": None}
        assert rows["toby", "pointer"]["id"] == toby_id
        assert rows["toby", "pointer"]["points_to"] == {"worker": "julie", "id": julie_id}
        assert rows["toby", "pointer"]["shape"] is None
        own = rows["julie", "own data"]
        assert (own["shape"], own["dtype"], own["text"]) == ([3, 2], "float64", "'x', not shown")
        assert [row["worker"] for row in document("objects", "toby")["objects"]] == ["toby"]

        chains = document("objects", "--tree")["chains"]
        places = [{"worker": "toby", "id": toby_id}, {"worker": "julie", "id": julie_id}]
        assert {"holder": f"client {os.getpid()}", "places": places, "end": rows["julie", "array"]} in chains
        assert [chain["end"]["kind"] for chain in chains if chain["holder"] is None] == ["own data"]


def test_json_goes_with_a_detached_run_only(base):
    assert "goes with -d" in refused(2, "up", "julie", "--json")[0]
    assert list_runs() == []


def test_an_error_with_json_is_on_stderr(base):
    done = farptr("objects", "--json")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")


# ---------------------------------------------------------------- variables


def leaves(command=cli, path="farptr"):
    for name, child in getattr(command, "commands", {}).items():
        yield from leaves(child, f"{path} {name}")
    yield path, command


@pytest.mark.parametrize(("path", "command"), list(leaves()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_option_shows_its_variable(path, command, capsys):
    assert main([*path.split()[1:], "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for option in command.params:
        if option.param_type_name == "option" and option.expose_value:
            variable = option.envvar or "_".join([*path.split(), option.name]).upper()
            assert f"env var: {variable}" in text, (path, option.name)


def test_variables_stand_for_options(base):
    started = json.loads(ok("up", FARPTR_UP_COUNT="2", FARPTR_UP_DETACH="1", FARPTR_UP_JSON="1"))
    assert [worker["name"] for worker in started["workers"]] == ["w1", "w2"]
    assert [run["name"] for run in document("ps", FARPTR_PS_RUN="default")["runs"]] == ["default"]
    assert refused(3, "ps", FARPTR_RUN="team")[0] == "no run called 'team'"
    assert document("ps", "-c", "default", FARPTR_RUN="team")["runs"]
    ok("down", FARPTR_DOWN_RUN="default")


def test_variables_that_are_not_ours_do_no_harm(base):
    assert "no run is up" in ok("ps", FARPTR_VERSION="0.1.0", FARPTR_HELP="1", FARPTR_PS_HELP="1", FARPTR_RUN="")


def test_fp_connect_takes_the_run_of_the_environment(base, monkeypatch):
    ok("up", "julie", "-d", "-c", "team")
    monkeypatch.setenv("FARPTR_RUN", "team")
    with fp.connect() as sim:
        assert (sim.name, len(sim)) == ("team", 1)


# ---------------------------------------------------------------- typing errors


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["upp", "julie"], "did you mean 'up'?"),
        (["object"], "did you mean 'objects'?"),
        (["demo", "digit"], "did you mean 'digits'?"),
        (["up", "--detahc", "julie"], "did you mean '--detach'?"),
        (["ps", "--jsn"], "did you mean '--json'?"),
        (["frobnicate"], "`farptr --help` explains"),
        (["ps", "--frobnicate"], "`farptr ps --help` explains"),
    ],
)
def test_typing_errors_name_the_nearest(base, words, hint):
    assert refused(2, *words)[1] == hint


def test_help_is_quick(base):
    """On a processor: how long it waits for one is not its doing."""
    import resource

    def seconds():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def taken():
        before = seconds()
        ok("--help")
        return seconds() - before

    assert 0 < min(taken() for _ in range(8)) < 0.2
