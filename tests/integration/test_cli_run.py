"""``farptr run``: a script finds its run, and whatever it does, nothing is left and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest

from farptr.launch import marked
from farptr.launch.rundir import list_runs
from tests.conftest import alive, until
from tests.integration.commands import FARPTR, PATIENCE_S, ended, farptr, ok, pids_of, refused

JOIN = "import os, signal, subprocess, sys, time\nimport farptr as fp\nsim = fp.connect()\n"
NAMES = JOIN + "print(*(worker.name for worker in sim), sys.argv[1:])\n"
WAITS = JOIN + "print('pid', os.getpid())\n"


@pytest.fixture
def script(base, tmp_path):
    """Writes a script, and sees to it that nothing is left of its run."""

    def write(text, name="job.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    yield write
    until(lambda: not list(base.iterdir()))


def begun(*words, **how):
    """``farptr run`` in the background, once its script has told its pid: the process, its run and that pid."""
    process = subprocess.Popen(
        [*FARPTR, "run", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )
    pid = int(process.stdout.readline().split()[1])
    return process, list_runs()[0], pid


# ---------------------------------------------------------------- which run


def test_a_script_joins_its_run(script):
    assert ok("run", "--workers", "julie,toby", script(NAMES), "a", "--b") == "julie toby ['a', '--b']\n"
    assert ok("run", "-n", "3", script(NAMES)) == "w1 w2 w3 []\n"
    assert ok("run", script(NAMES)) == "w1 w2 []\n"


def test_its_workers_can_run_functions(script):
    path = script(JOIN + "from farptr.client.cells import run_cell\nprint(list(run_cell(list(sim), 'print(6 * 7)')))")
    assert "42" in ok("run", "-n", "1", "--functions", path)
    assert "FunctionsOff" in ok("run", "-n", "1", path)


def test_each_worker_can_have_a_file(script, tmp_path):
    np.savez(tmp_path / "shard0.npz", x=np.arange(4))
    path = script(JOIN + "print([w.name for w in sim], int(sim['julie']['x'].sum()))")
    assert ok("run", "--workers", "toby,julie", "--load", "julie=shard0.npz", path, cwd=tmp_path).endswith("] 6\n")
    assert ok("run", "--load", "julie=shard0.npz", path, cwd=tmp_path) == "['julie'] 6\n"


def test_options_can_stand_behind_the_script(script):
    path = script(NAMES)
    assert ok("run", path, "--workers", "julie,toby", "x", "-n", "5") == "julie toby ['x', '-n', '5']\n"
    assert ok("run", path, "-n1", "--", "--workers", "x") == "w1 ['--workers', 'x']\n"
    assert ok("run", "-n", "1", path, "-n", "5", "--") == "w1 ['-n', '5', '--']\n"
    assert ok("run", path, "--rounds", "5", "-n", "5") == "w1 w2 ['--rounds', '5', '-n', '5']\n"


def test_a_module(script, tmp_path):
    script(NAMES)
    assert ok("run", "-n", "1", "-m", "job", "x", cwd=tmp_path) == "w1 ['x']\n"


def test_options_from_the_environment(script):
    assert ok("run", script(NAMES), FARPTR_RUN_WORKERS="julie") == "julie []\n"


def test_the_run_is_private_and_other_commands_in_the_script_find_it(script):
    text = JOIN + "subprocess.run([sys.executable, '-m', 'farptr', *sys.argv[1:]], check=True)\n"
    path = script(text)
    ok("up", "julie", "-d")
    assert re.search(r"^p-\d+-\w+ +w1 ", ok("run", path, "ps"), re.MULTILINE)
    assert "bob is up" in ok("run", path, "add", "bob")
    ok("down")


def test_two_at_once(script):
    path = script(NAMES + "sys.stdin.read()\n")
    both = [
        subprocess.Popen([*FARPTR, "run", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    until(lambda: len(list_runs()) == 2)
    for process in both:
        assert process.communicate(timeout=PATIENCE_S)[0] == b"w1 w2 []\n"
        assert process.returncode == 0


# ---------------------------------------------------------------- exit codes and streams


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(0)", 0),
        ("sys.exit(3)", 3),
        ("os._exit(7)", 7),
        ("1 / 0", 1),
        ("sys.exit('said')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143),
        ("os.abort()", 134),
    ],
)
def test_the_exit_code_is_the_scripts(script, ending, code):
    done = farptr("run", script(JOIN + ending))
    assert done.returncode == code
    assert ("ZeroDivisionError" in done.stderr) == (ending == "1 / 0")


def test_streams_are_passed_through(script):
    path = script(JOIN + "print(sys.stdin.read().upper())\nprint('aside', file=sys.stderr)\n")
    done = farptr("run", path, stdin="some words")
    assert (done.stdout, done.stderr) == ("SOME WORDS\n", "aside\n")


def test_what_is_printed_is_out_at_once(script):
    process, _, _ = begun(script(WAITS + "sys.stdin.read()"), stdin=subprocess.PIPE)  # a pipe would be buffered
    assert process.communicate(timeout=PATIENCE_S) == ("", "")
    assert process.returncode == 0


def test_megabytes_are_not_lost(script):
    path = script(JOIN + "for i in range(200_000): print(f'{i:040d}')\nprint('the end', file=sys.stderr)\nos._exit(3)")
    done = farptr("run", path)
    assert done.returncode == 3
    assert [int(line) for line in done.stdout.split()] == list(range(200_000))
    assert done.stderr == "the end\n"


def test_a_reader_that_leaves(script):
    path = script(WAITS + "while True: print('x' * 1000)")
    process, info, pid = begun(path)
    process.stdout.close()
    assert "BrokenPipeError" in process.stderr.read()
    process.stderr.close()
    assert process.wait(PATIENCE_S) == 1
    assert not any(map(alive, [*pids_of(info), pid]))


# ---------------------------------------------------------------- scripts that leave something behind


@pytest.mark.parametrize(
    "start",
    [
        "child = os.fork()\nif not child: signal.pause()",
        "child = os.fork()\nif not child:\n    os.setsid()\n    signal.signal(15, signal.SIG_IGN)\n    time.sleep(60)",
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True).pid",
        "child = subprocess.Popen(['sh', '-c', 'sleep 60; true'], start_new_session=True).pid",
    ],
    ids=["fork", "stubborn daemon", "daemon", "grandchild"],
)
def test_what_it_started_ends_with_it(script, start):
    done = farptr("run", script(JOIN + start + "\nprint('child', child)\nos._exit(4)"))
    assert done.returncode == 4
    child = int(re.search(r"child (\d+)", done.stdout)[1])
    assert not alive(child)


def test_a_forked_child_uses_its_parents_session_in_vain(script):
    text = "if os.fork() == 0:\n    try: fp.tensor([1]).send(sim[0])\n    except fp.UsageError as e: print(e.message)"
    done = farptr("run", script(JOIN + text + "\n    os._exit(0)\nos.wait()"))
    assert (done.returncode, done.stdout) == (0, "this session belongs to the parent process\n")


def test_runs_that_a_script_detaches_go_on(script):
    ok(
        "run",
        script(JOIN + "subprocess.run([sys.executable, '-m', 'farptr', 'up', 'x', '-d', '-c', 'on'], check=True)"),
    )
    assert [info.name for info in list_runs()] == ["on"]
    ok("down", "-c", "on")


@pytest.mark.parametrize("also", ["", "if os.fork() == 0:\n    os.setsid()\n    print('pid', os.getpid())\n"])
def test_a_killed_farptr_run_leaves_nothing(script, also):
    process, info, pid = begun(script(WAITS + also + "time.sleep(60)"))
    pids = [*pids_of(info), pid]
    if also:
        pids.append(int(process.stdout.readline().split()[1]))
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    until(lambda: not any(map(alive, pids)))


def test_a_broker_that_dies_is_the_scripts_error(script):
    process, info, _ = begun(script(WAITS + "fp.tensor([1]).send(sim[0])\ntime.sleep(0.2)\nwhile True: sim.sync()"))
    os.kill(info.broker_pid, signal.SIGKILL)
    _, error = process.communicate(timeout=PATIENCE_S)
    assert "BrokerLost" in error
    assert process.returncode == 1


# ---------------------------------------------------------------- signals


COUNTS = (
    JOIN
    + """
import threading
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(2))
signal.signal(signal.SIGTERM, lambda *_: seen.append(15))
print('pid', os.getpid())
while not seen: time.sleep(0.01)
time.sleep(0.3)
print('seen', seen)
sys.exit(9)
"""
)


def test_ctrl_c_reaches_a_script_once_and_its_code_counts(script, terminal):
    child = terminal("run", script(COUNTS))
    child.expect(r"pid \d+")
    child.sendintr()
    said, code = ended(child)
    assert "seen [2]" in said
    assert code == 9


def test_ctrl_c_ends_all(script, terminal, base):
    child = terminal("run", script(WAITS + "time.sleep(60)"))
    child.expect(r"pid (\d+)")
    pids = [int(child.match[1]), *pids_of(list_runs()[0])]
    child.sendintr()
    said, code = ended(child)
    assert code == 130
    assert said.count("Traceback") == 1  # the script's own KeyboardInterrupt
    assert not any(map(alive, pids))


def test_a_script_that_hangs_is_killed_after_its_grace_time(script, terminal):
    child = terminal(
        "run", "--grace", "0.3", script("import signal\nsignal.signal(2, signal.SIG_IGN)\n" + WAITS + "time.sleep(60)")
    )
    child.expect(r"pid (\d+)")
    pids = [int(child.match[1]), *pids_of(list_runs()[0])]
    child.sendintr()
    said, code = ended(child)
    assert code == 130
    assert re.search(r"farptr: \S+job.py did not end in time, and was killed", said)
    assert not any(map(alive, pids))


def test_a_second_ctrl_c_does_not_wait(script, terminal):
    child = terminal(
        "run",
        "--grace",
        "60",
        script("import signal\nsignal.signal(2, lambda *_: print('heard'))\n" + WAITS + "while True: time.sleep(1)"),
    )
    child.expect(r"pid (\d+)")
    child.sendintr()
    child.expect("heard")
    time.sleep(0.6)  # what comes at once may be the same wish
    child.sendintr()
    assert ended(child)[1] == 130


@pytest.mark.parametrize(("number", "seen"), [(signal.SIGINT, 2), (signal.SIGTERM, 15)])
@pytest.mark.parametrize("to_group", [False, True])
def test_without_a_terminal_signals_are_passed_on_once(script, number, seen, to_group):
    process, _, _ = begun(script(COUNTS), start_new_session=True)
    (os.killpg if to_group else os.kill)(process.pid, number)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert out == f"seen [{seen}]\n"
    assert process.returncode == 9


def test_it_can_be_stopped_and_continued_and_read_from_the_terminal(script, terminal):
    child = terminal("run", script(WAITS + "print('got', input())"))
    child.expect(r"pid (\d+)")
    child.sendline("words")
    child.expect("got words")
    assert ended(child)[1] == 0


# ---------------------------------------------------------------- bad input


def test_bad_input(script, tmp_path):
    path = script(NAMES)
    assert refused(2, "run", "jub.py", cwd=tmp_path) == ("there is no script jub.py", "did you mean 'job.py'?")
    assert refused(2, "run", "--wokers", "a", path)[1] == "did you mean '--workers'?"
    assert "Missing argument 'SCRIPT'" in refused(2, "run", "-n", "2")[0]
    assert "two workers would be called 'a'" in refused(2, "run", "--workers", "a,a", path)[0]
    assert refused(2, "run", "--workers", "julie", "--load", "juli=x.npz", path)[1] == "did you mean 'julie'?"
    assert "whose is it" in refused(2, "run", "-n", "2", "--load", "x.npz", path)[0]
    assert "there is no file" in refused(5, "run", "--load", "julie=x.npz", path)[0]
    assert "No module named nosuch" in farptr("run", "-m", "nosuch").stderr


def test_a_mark_ends_its_carriers_and_nobody_else(base):
    carriers = [subprocess.Popen(["sleep", "60"], env={**os.environ, marked.VARIABLE: mark}) for mark in ("a1", "a2")]
    try:
        assert marked.end("a1")
        assert [alive(process.pid) for process in carriers] == [False, True]
    finally:
        for process in carriers:
            process.kill()
            process.wait()
