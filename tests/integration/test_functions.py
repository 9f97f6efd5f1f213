"""Functions on real processes: those that never end, end their process, print without end; and who may run them."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import farptr as fp
from farptr.keys.ring import Ring
from tests.conftest import PATIENCE_S, alive, until


@pytest.fixture
def run(processes):
    return processes("julie", "toby", functions=True)


@pytest.fixture
def one():
    """A run of its own, for tests that lose a worker."""
    with fp.up("julie", functions=True) as run:
        yield run


@fp.remote
def add(x, k=1):
    return x + k


def forever(path):
    Path(path).touch()
    while True:
        time.sleep(0.001)


def works(run, name="julie"):
    return run[name].run(lambda: 1).get() == 1


# ---------------------------------------------------------------- the worker, or its replacement, lives on


def test_one_that_never_ends_is_interrupted(run, tmp_path):
    julie, _ = run
    pid = run.pids["julie"]
    p = fp.tensor([1]).send(julie)
    made = julie.run(forever, str(tmp_path / "begun"))
    after = p + 1
    run.flush()
    until((tmp_path / "begun").exists)
    run.interrupt("julie")
    with pytest.raises(fp.Interrupted, match="forever on julie"):
        made.get()
    assert after.get().tolist() == [2]
    assert run.pids["julie"] == pid


def test_one_that_prints_and_never_ends_is_interrupted(run, tmp_path):
    julie, _ = run

    def chatter(path):
        Path(path).touch()
        while True:
            print("x" * 10_000)

    made = julie.run(chatter, str(tmp_path / "begun"))
    run.flush()
    until((tmp_path / "begun").exists)
    run.interrupt("julie")
    with pytest.raises(fp.Interrupted):
        made.get()
    assert works(run)


@pytest.mark.parametrize("how", ["exit", "kill", "abort"])
def test_one_that_ends_its_process_is_told_of(one, how):
    ends = {"exit": lambda: os._exit(3), "kill": lambda: os.kill(os.getpid(), 9), "abort": os.abort}
    made = one["julie"].run(ends[how])
    with pytest.raises(fp.WorkerLost, match="julie is gone"):
        made.get()
    one.restart("julie")
    assert works(one)


def test_a_child_that_a_function_forks_is_no_second_worker(run):
    def fork():
        return os.fork()

    def fork_and_fail():
        child = os.fork()
        if not child:
            raise ValueError("in the child")
        return os.waitpid(child, 0)[1]

    def fork_a_talker():
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=print, args=("said by a child",)) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        return [child.exitcode for child in children]

    julie, _ = run
    child = int(julie.run(fork).get())
    until(lambda: not alive(child))
    assert os.waitstatus_to_exitcode(int(julie.run(fork_and_fail).get())) == 1
    assert julie.run(fork_a_talker).get() == [0, 0]
    assert works(run)


@pytest.mark.parametrize("how", ["close", "kill"])
def test_what_a_function_starts_and_leaves_ends_with_its_worker(how):
    with fp.up("julie", functions=True) as run:
        started = run["julie"].run(lambda: subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
        pid = int(started.get())
        assert alive(pid)
        if how == "kill":
            run.kill("julie")
            until(lambda: not alive(pid))
    until(lambda: not alive(pid))


def test_a_worker_that_was_started_again_gets_the_function_again(one):
    p = fp.tensor([1]).send(one["julie"])
    assert [add(p, k=k).get().tolist() for k in (1, 2)] == [[2], [3]]
    one.restart("julie")
    with pytest.raises(fp.StalePointer):
        add(p)
    q = fp.tensor([5]).send(one["julie"])
    assert [add(q, k=k).get().tolist() for k in (1, 2)] == [[6], [7]]


def test_gigabytes_of_output_are_bounded_on_both_sides(run, capsys):
    julie, _ = run

    def chatter():
        line = "x" * (1 << 20)
        for _ in range(1 << 11):  # 2 GiB
            sys.stdout.write(line)

    before = run.traffic()
    julie.run(chatter).get()
    assert len(capsys.readouterr().out) < 200_000
    fetched = [row.value_bytes for row in run.traffic() if row.what == "fetched" and row not in before]
    assert sum(fetched) < sum(row.value_bytes for row in before if row.what == "fetched") + 200_000


def test_progress_is_shown_while_it_runs(run, tmp_path, capsys):
    julie, _ = run
    path = tmp_path / "go on"

    def slow(path, patience_s):
        print("half")
        deadline_s = time.monotonic() + patience_s
        while not Path(path).exists() and time.monotonic() < deadline_s:
            time.sleep(0.001)
        print("whole")
        return Path(path).exists()

    future = julie.run(slow, str(path), PATIENCE_S).get_async()
    shown = []
    until(lambda: "[julie] half\n" in (shown.append(capsys.readouterr().out) or "".join(shown)))
    assert not future.done()
    path.touch()
    assert future.result() == 1
    shown.append(capsys.readouterr().out)
    assert "".join(shown) == "[julie] half\n[julie] whole\n"


def test_without_room_it_fails_and_the_worker_lives_on():
    with fp.up("julie", functions=True, memory_limit="200MB") as run:
        with pytest.raises(fp.WorkerOutOfMemory):
            run["julie"].run(lambda: np.ones(100_000_000)).get()
        assert works(run)


def test_a_large_result_stays_where_it_is(run):
    julie, toby = run
    made = julie.run(lambda n: {"rows": np.ones(n), "n": n}, 10_000_000)
    before = sum(row.value_bytes for row in run.traffic())
    assert float(made["rows"].sum()) == 1e7
    assert sum(row.value_bytes for row in run.traffic()) - before < 100
    assert float(made["rows"].move(toby)[-1]) == 1.0


def test_a_large_closure_travels(run):
    julie, _ = run
    table = np.arange(3_000_000.0)
    p = fp.tensor([5]).send(julie)
    assert p.apply(lambda at: table[at]).get().tolist() == [5.0]

    @fp.remote
    def look_up(at):
        return table[at]

    sent = [0]
    for i in range(3):
        assert look_up(p + i).get().tolist() == [5.0 + i]
        sent.append(sum(row.value_bytes for row in run.traffic() if row.what == "sent"))
    assert sent[-1] - sent[1] < 1000


# ---------------------------------------------------------------- who may


def test_off_unless_it_was_started_so(tmp_path):
    with fp.up("julie") as run:
        marker = tmp_path / "ran"
        made = run["julie"].run(lambda path: Path(path).touch(), str(marker))
        with pytest.raises(fp.FunctionsOff, match="julie runs no functions: it was started without") as told:
            made.get()
        assert "functions=True" in told.value.hint
        p = fp.tensor([1]).send(run["julie"])
        with pytest.raises(fp.FunctionsOff):
            add(p).get()
        assert not marker.exists()
        assert p.get().tolist() == [1]


def test_nothing_is_unpickled_where_functions_are_off(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    with fp.up("julie", "toby") as run:
        for argument in (Evil(), [Evil()]):
            with pytest.raises(fp.FunctionsOff):
                run["julie"].run(lambda argument=argument: argument).get()
        assert not (tmp_path / "made").exists()


def test_one_that_loaded_data_needs_it_said_twice(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.arange(3))
    with fp.up({"julie": tmp_path / "data.npz"}, functions=True) as run:
        with pytest.raises(
            fp.FunctionsOff, match="it has loaded data of its own, which a function could print"
        ) as told:
            run["julie"]["x"].apply(lambda x: x * 2).get()
        assert "functions='private'" in told.value.hint
    with fp.up({"julie": tmp_path / "data.npz"}, functions="private") as run:
        assert run["julie"]["x"].apply(lambda x: x * 2).get().tolist() == [0, 2, 4]


def test_only_who_may_run_functions(base, monkeypatch):
    monkeypatch.setenv("FARPTR_KEYS", str(base / "ring"))
    ring = Ring()
    for name in ("ana", "bob"):
        ring.new(name, "client")
    options = {"bind": "tcp://127.0.0.1:*", "allow": "me,ana,bob:names+use+fetch", "functions": True}
    with fp.up("julie", **options) as sim:
        for name, may in (("ana", True), ("bob", False)):
            with fp.connect(sim.bound, key=ring.path / f"{name}.key") as run:
                p = fp.tensor([1]).send(run["julie"])
                for call in (lambda p=p: p.apply(lambda x: x + 1), lambda p=p: add(p)):
                    if may:
                        assert call().get().tolist() == [2]
                        continue
                    with pytest.raises(fp.NotAllowed, match="client bob may not run functions on julie"):
                        call().get()


def test_functions_of_one_client_are_none_of_anothers(run, processes):
    julie, _ = run
    other = processes.another(run)
    p, q = fp.tensor([1]).send(julie), fp.tensor([2]).send(other["julie"])
    assert add(p).get().tolist() == [2]
    assert add(q).get().tolist() == [3]


# ---------------------------------------------------------------- where it was written


HELPERS = """
import threading
import far_helpers
from far_helpers import far
LOCK = threading.Lock()  # nobody who travels needs it
SHIFT = 5
def shifted(x):
    return far(_by(x, SHIFT))
def _by(x, n):
    return x + n
def by_module(x):
    return far_helpers.far(x)
"""
SCRIPT = """
import farptr as fp
from helpers import by_module, shifted

def twice(x):
    return once(x) * 2

def once(x):
    return x + 1

with fp.up("julie", functions=True) as sim:
    p = fp.tensor([1]).send(sim["julie"])
    print(p.apply(twice).get(), p.apply(shifted).get())
    try:
        p.apply(by_module).get()
    except fp.NotSerializable as error:
        print(error)
"""


def test_functions_of_scripts_and_of_their_modules(tmp_path):
    (tmp_path / "far_helpers.py").write_text("def far(x):\n    return x * 10\n")
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, cwd="/", timeout=60, check=False
    )
    shown, *error = done.stdout.splitlines()
    assert (shown, done.stderr) == ("[4] [60]", "")
    assert error[0].startswith("by_module needs what this worker cannot import: No module named 'far_helpers'")


def test_what_a_function_says_goes_to_who_runs_it(run, processes, monkeypatch):
    other = processes.another(run)
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stdout", heard)
    made = other["julie"].run(lambda: print("for the other"))
    run.sync()
    assert heard.getvalue() == ""
    made.get()
    assert heard.getvalue() == "[julie] for the other\n"


# ---------------------------------------------------------------- the account


@pytest.fixture
def shard(tmp_path):
    np.savez(tmp_path / "shard.npz", x=[1.0, 2.0])
    return str(tmp_path / "shard.npz")


def test_the_journal_and_the_account_know_of_functions(tmp_path, shard):
    with fp.up({"julie": shard}, "toby", functions="private", journal=tmp_path / "runs") as sim:
        julie, toby = sim
        x, other = julie["x"], fp.tensor([3.0]).send(toby)
        word = fp.send({"text": "x" * 50}, toby).send(julie)
        assert add(other).get().tolist() == [4.0]
        made = x.send(toby).apply(lambda x: {"sum": x.sum()})
        sim.ledger.assert_never_saw("me", source="julie/x")
        seen = len(sim.view("me").receipts)
        assert float(made["sum"].get(all=True)) == 3.0
        (new,) = sim.view("me").receipts[seen:]
        assert (new.value_bytes, new.kind) == (8, "derived")
        assert "julie/*" in new.sources  # nobody sees into a function: it may have taken all that julie has
        with pytest.raises(fp.DataSeen):
            sim.ledger.assert_never_saw("me", source="julie/x")
        assert len(word.get_copy(all=True)["text"]) == 50
        assert sim.view("me").receipts[-1].value_bytes == len("text") + 50
        sim.ledger.check()
        path = sim.journal
    assert fp.open_journal(path).manifest["balance"]["faults"] == []


def test_what_a_function_prints_counts_as_seen(tmp_path, shard):
    with fp.up({"julie": shard}, functions="private", journal=tmp_path / "runs") as sim:
        made = sim["julie"]["x"].apply(lambda x: print(x.tolist()))
        sim.sync()
        assert sim.ledger.saw("me", "julie/x")[0].value_bytes == len("[1.0, 2.0]\n")
        with pytest.raises(fp.DataSeen):
            sim.ledger.assert_never_saw("me", source="julie/x")
        made.free()


def test_what_is_told_at_once_counts_too(tmp_path, capsys):
    with fp.up("julie", functions=True, journal=tmp_path / "runs") as sim:

        def slowly(seconds):
            until_s, lines = time.monotonic() + seconds, 0
            while time.monotonic() < until_s:
                print("line", lines)
                lines += 1
                time.sleep(0.02)
            return lines

        assert int(sim["julie"].run(slowly, 0.3).get()) == len(capsys.readouterr().out.splitlines())
        receipts = [r for r in sim.view("me").receipts if r.what == "asked"]
        assert len(receipts) > 1  # some of it was told while the function ran
        assert sum(r.value_bytes for r in receipts) > len("line 0\n") * 5


def test_what_a_function_logs_is_told_like_what_it_prints(run, capsys):
    julie, _ = run
    for words in ("first", "second"):
        julie.run(lambda words=words: logging.getLogger("mine").warning("%s warning", words)).get()
    assert capsys.readouterr().out == "[julie] first warning\n[julie] second warning\n"


def test_threads_of_a_function_may_print(run, capsys):
    julie, _ = run

    def threads():
        def say(n):
            for _ in range(200):
                print(f"thread {n}")

        started = [threading.Thread(target=say, args=(n,)) for n in range(4)]
        for thread in started:
            thread.start()
        while any(thread.is_alive() for thread in started):
            print("main")
        return 1

    assert julie.run(threads).get() == 1
    assert "thread 3" in capsys.readouterr().out
    assert works(run)


def test_the_example_fits_and_fetches_sums_alone():
    example = Path(__file__).parents[2] / "examples" / "functions_on_workers.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "[north] 167 of 200 patients" in lines
    assert "intercept, age, dose: [ 3.13  0.1  -2.01]" in lines
    assert "fetched: 24 bytes from adder to me" in lines
    assert "pushed: 96 bytes from east to adder" in lines
    assert len(lines) == 3 + 1 + 1 + 3 + 3
