"""``%%on julie`` in IPython, on real processes: what it prints, raises and leaves, and who says no."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import farptr as fp
from tests.conftest import until


@pytest.fixture
def shell():
    """An IPython shell with the magics."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config, user_ns={"fp": fp})
    shell.run_line_magic("load_ext", "farptr")
    yield shell
    shell.user_ns.clear()


@pytest.fixture
def up(shell):
    """``up("julie", functions=…)``: a run whose workers the shell's cells find."""
    runs = []

    def start(*workers, functions=True):
        run = fp.up(*workers, functions=functions)
        runs.append(run)
        shell.user_ns["sim"] = run
        return run

    yield start
    for run in runs:
        run.close()


def fetched(run):
    return {row.source: row.value_bytes for row in run.traffic() if row.what == "fetched"}


# ---------------------------------------------------------------- what it does


def test_a_cell_prints_and_leaves_data(up, shell, capsys):
    julie, toby = up("julie", "toby")
    shell.run_cell_magic("on", "julie", "w = np.arange(3.)\nprint('made')\nw.shape\n")
    assert capsys.readouterr().out == "julie | made\njulie | (3,)\n"
    assert (julie["w"] + 1).get().tolist() == [1, 2, 3]
    assert julie["w"].move(toby).get().tolist() == [0, 1, 2]
    shell.run_line_magic("on", "julie w.tolist()")
    assert capsys.readouterr().out == "julie | [0.0, 1.0, 2.0]\n"


def test_several_workers_say_it_in_the_order_named(up, shell, capsys):
    up("julie", "toby", "bo")
    shell.run_cell_magic("on", "toby julie bo", "import os\nmine = np.array([os.getpid()])\nprint('one\\ntwo')")
    assert capsys.readouterr().out == "".join(f"{n:<5} | one\n{n:<5} | two\n" for n in ("toby", "julie", "bo"))
    pids = {int(worker["mine"].get_copy()[0]) for worker in shell.user_ns["sim"]}
    assert pids == set(shell.user_ns["sim"].pids.values())


def test_workers_run_at_the_same_time(up, shell, tmp_path):
    up("julie", "toby")
    meet = (
        "from pathlib import Path\n"
        "import os, time\n"
        f"here = Path({str(tmp_path)!r})\n"
        "(here / str(os.getpid())).touch()\n"
        "end = time.monotonic() + 20\n"
        "while len(list(here.iterdir())) < 2 and time.monotonic() < end: time.sleep(0.01)\n"
        "assert len(list(here.iterdir())) == 2\n"
    )
    shell.run_cell_magic("on", "julie toby", meet)


def test_what_is_printed_is_in_the_account(up, shell, capsys):
    run = up("julie", "toby")
    shell.run_line_magic("on", "julie 'x' * 100")
    assert fetched(run) == {"julie": 102}
    capsys.readouterr()


def test_a_cell_sees_what_was_issued_before_it_and_is_seen_by_what_comes_after(up, shell, capsys):
    julie, toby = up("julie", "toby")
    shell.run_cell_magic("on", "julie", "w = np.zeros(1)")
    chain = julie["w"].send(toby)
    for i in range(20):
        chain += 1  # by way of toby
        shell.run_line_magic("on", "julie float(w[0])")
        assert capsys.readouterr().out == f"julie | {i + 1.0}\n"
        shell.run_cell_magic("on", "julie", "w[0] += 0")
        assert chain.get_copy().get_copy().tolist() == [i + 1]


def test_who_has_a_pointer_keeps_the_old_array(up, shell):
    (julie,) = up("julie")
    shell.run_cell_magic("on", "julie", "w = np.zeros(1)")
    old = julie["w"]
    shell.run_cell_magic("on", "julie", "w = np.ones(1)")
    assert (old.get_copy(), julie["w"].get_copy()) == (0, 1)
    del old
    shell.run_cell_magic("on", "julie", "del w")
    assert julie.count() == 0


# ---------------------------------------------------------------- errors


def test_an_error_comes_with_its_type_and_the_remote_traceback(up, shell, capsys):
    up("julie")
    with pytest.raises(ZeroDivisionError, match=r"division by zero \[cell on julie\]") as caught:
        shell.run_cell_magic("on", "julie", "print('first')\ndef f():\n    return 1 / 0\nf()")
    assert capsys.readouterr().out == "julie | first\n"
    assert isinstance(caught.value, fp.RemoteError)
    assert "return 1 / 0" in caught.value.__notes__[0]
    shell.run_line_magic("on", "julie 1 + 1")
    assert capsys.readouterr().out == "julie | 2\n"


def test_ipython_shows_the_remote_traceback_and_none_of_ours(up, shell, capsys):
    up("julie")
    shell.run_cell("%on julie 1 / 0")
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert "<cell 1 on julie>" in text
    assert "run_cell(workers, source)" not in text


def test_one_that_fails_does_not_keep_the_others_from_answering(up, shell, capsys):
    run = up("julie", "toby")
    shell.run_cell_magic("on", "toby", "_x = 1")
    with pytest.raises(NameError):
        shell.run_cell_magic("on", "julie toby", "print(_x)")
    assert capsys.readouterr().out == "toby  | 1\n"
    with pytest.raises(fp.SeveralFailed, match="the cell failed on 2 workers"):
        shell.run_cell_magic("on", "julie toby", "1 / 0")
    run.sync()  # nothing is left to be raised


def test_a_worker_that_dies_in_a_cell_is_lost(up, shell, capsys):
    run = up("julie", "toby")
    with pytest.raises(fp.WorkerLost, match="worker julie is gone"):
        shell.run_cell_magic("on", "julie toby", "import os\nif 'julie' == " + _own_name(run) + ": os._exit(3)\n1")
    assert capsys.readouterr().out == "toby  | 1\n"


def _own_name(run):
    """Source for the name of the worker that runs it."""
    return f"{ {pid: name for name, pid in run.pids.items()} }[os.getpid()]"


def test_a_cell_that_takes_too_long_is_left(up, shell, tmp_path, capsys):
    run = up("julie")
    go = tmp_path / "go"
    run.timeout = 0.5
    with pytest.raises(fp.DeadlineExceeded, match="for the cell on julie"):
        shell.run_cell_magic("on", "julie", f"import os\nwhile not os.path.exists({str(go)!r}): pass\nw = np.ones(1)")
    run.timeout = 30
    go.touch()
    assert run["julie"]["w"].get() == 1


def test_a_worker_that_is_busy_in_a_cell_ends_with_the_run(up, shell, tmp_path):
    run = up("julie")
    began = tmp_path / "began"
    run.timeout = 0.5
    with pytest.raises(fp.DeadlineExceeded):
        shell.run_cell_magic("on", "julie", f"open({str(began)!r}, 'w')\nwhile True: pass")
    pid = run._running.info.workers["julie"]
    run.close()
    until(lambda: not os.path.exists(f"/proc/{pid}"))  # noqa: PTH110


@pytest.mark.parametrize("stubborn", ["except Exception: pass", "except BaseException: pass"])
def test_so_does_one_that_catches_everything(up, shell, stubborn):
    run = up("julie")
    run.timeout = 0.5
    with pytest.raises(fp.DeadlineExceeded):
        shell.run_cell_magic("on", "julie", f"while True:\n    try:\n        while True: pass\n    {stubborn}")
    pid = run._running.info.workers["julie"]
    run.remove("julie")
    until(lambda: not os.path.exists(f"/proc/{pid}"))  # noqa: PTH110


# ---------------------------------------------------------------- who says no


def test_workers_run_nothing_unless_they_were_started_so(up, shell):
    run = up("julie", functions=False)
    with pytest.raises(fp.FunctionsOff, match="julie runs no functions: it was started without") as caught:
        shell.run_line_magic("on", "julie 1")
    assert "functions=True" in caught.value.hint
    assert caught.value.definite
    run.add("toby", functions=True)
    shell.run_line_magic("on", "toby 1")


def test_one_that_loaded_data_needs_it_said_twice(up, shell, tmp_path, capsys):
    np.savez(tmp_path / "data.npz", x=np.arange(3))
    up({"julie": tmp_path / "data.npz"}, "toby", functions=True)
    with pytest.raises(fp.FunctionsOff, match="it has loaded data of its own, which a function could print") as caught:
        shell.run_line_magic("on", "julie x")
    assert "functions='private'" in caught.value.hint
    shell.run_line_magic("on", "toby 1")
    (julie,) = up({"julie": tmp_path / "data.npz"}, functions="private")
    capsys.readouterr()
    shell.run_line_magic("on", "julie x.tolist()")
    assert capsys.readouterr().out == "julie | [0, 1, 2]\n"
    with pytest.raises(fp.BadName, match="julie has something called x that no cell made"):
        shell.run_cell_magic("on", "julie", "x = x + 1")
    assert julie["x"].get_copy().tolist() == [0, 1, 2]


def test_what_functions_cannot_be():
    with pytest.raises(fp.UsageError, match="functions='yes' says nothing"):
        fp.up("julie", functions="yes")


def test_the_magic_goes_with_the_extension(shell):
    shell.run_line_magic("unload_ext", "farptr")
    assert "on" not in shell.magics_manager.magics["cell"]
    assert "on" not in shell.magics_manager.magics["line"]


# ---------------------------------------------------------------- from the command line


def farptr(*words):
    return subprocess.run(
        [sys.executable, "-m", "farptr", *words], capture_output=True, text=True, timeout=60, check=True
    )


def test_farptr_up_and_add_with_functions(shell, tmp_path, capsys):
    np.save(tmp_path / "own.npy", np.arange(2))
    farptr("up", "julie", f"bob={tmp_path / 'own.npy'}", "-d", "--functions", "-c", "fn")
    try:
        farptr("add", "toby", "-c", "fn")
        farptr("add", f"eve={tmp_path / 'own.npy'}", "--functions-private", "-c", "fn")
        with fp.connect("fn") as run:
            shell.user_ns["sim"] = run
            shell.run_line_magic("on", "julie 'here'")
            shell.run_line_magic("on", "eve own.tolist()")
            assert capsys.readouterr().out == "julie | 'here'\neve | [0, 1]\n"
            for name in ("toby", "bob"):
                with pytest.raises(fp.FunctionsOff):
                    shell.run_line_magic("on", f"{name} 1")
    finally:
        farptr("down", "-c", "fn")


def test_a_worker_by_hand_and_its_ctrl_c_in_a_cell(shell, capsys):
    broker = subprocess.Popen(
        [sys.executable, "-m", "farptr", "broker", "-c", "hand"], stdout=subprocess.PIPE, text=True
    )
    worker = None
    try:
        assert "listens" in broker.stdout.readline()
        command = [sys.executable, "-m", "farptr", "worker", "julie", "--connect", "hand", "--functions"]
        worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert "joined" in worker.stderr.readline()
        with fp.connect("hand", timeout=0.5) as run:
            shell.user_ns["sim"] = run
            shell.run_line_magic("on", "julie 1 + 1")
            assert capsys.readouterr().out == "julie | 2\n"
            with pytest.raises(fp.DeadlineExceeded):
                shell.run_line_magic("on", "julie while True: pass")
            worker.send_signal(signal.SIGINT)
            assert worker.wait(20) == 130
    finally:
        for process in (worker, broker):
            if process is not None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=20)
