"""farptr in a real kernel: interrupts, cells that are run again, what the output history keeps, displays."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.conftest import alive, until
from tests.integration.kernels import kernel

START = """
import farptr as fp
sim = fp.up("julie", "toby", functions=True)
julie, toby = sim
"""
HOLD = """
from farptr.client.cells import _ask
_key = _ask(julie, "import pathlib, time\\nwhile not pathlib.Path({go!r}).exists(): time.sleep(0.01)")
sim.flush()
"""
AT_ONCE_S = 2.0


@pytest.fixture
def notebook():
    with kernel() as kernel_:
        yield kernel_


@pytest.fixture
def run(notebook):
    """A kernel with a run: julie and toby."""
    notebook.run(START)
    return notebook


def pids(notebook, name="sim"):
    text = notebook.run(f"print(*{name}.pids.values(), {name}._running.info.broker_pid)").text
    return [int(word) for word in text.split()]


def interrupt(notebook, code, delay_s=0.0):
    """Interrupt a cell once it has begun; it must end at once, by KeyboardInterrupt."""
    notebook.begin(f"print('begun', flush=True)\n{code}")
    notebook.until_shown("begun")
    time.sleep(delay_s)  # where in the wait it is hit
    notebook.interrupt()
    shown = notebook.end(AT_ONCE_S)
    assert shown.error is not None, "the cell ended before it was interrupted"
    assert shown.error[0] == "KeyboardInterrupt", shown.error[2]


def forget_the_error(notebook):
    """IPython keeps the traceback of the last error, whose frames have handles, until the next one."""
    notebook.tried("1 / 0")
    notebook.run("import gc; gc.collect()")


# ---------------------------------------------------------------- interrupts


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.3, 1.2])
def test_an_interrupted_get_leaves_all_as_it_was(run, tmp_path, delay_s):
    go = tmp_path / "go"
    run.run("p = fp.tensor([1, 2, 3]).send(julie)")
    run.run(HOLD.format(go=str(go)))
    interrupt(run, "p.get()", delay_s)
    interrupt(run, "p.get()", delay_s)
    assert run.run("fp.tensor([5]).send(toby).get()").data["text/plain"] == "tensor([5])"
    go.touch()
    assert run.run("p.get()").data["text/plain"] == "tensor([1, 2, 3])"
    assert run.run("sim.sync(); print(julie.count(), toby.count())").text == "0 0\n"


@pytest.mark.parametrize(
    "what", ["sim.sync()", "sim.traffic()", "julie._objects", "p.shape", "float(p[0])", "julie['w']"]
)
def test_whatever_waits_can_be_interrupted(run, tmp_path, what):
    go = tmp_path / "go"
    run.run("p = fp.tensor([1, 2, 3]).send(julie).publish('w')")
    run.run(HOLD.format(go=str(go)))
    interrupt(run, what, 0.1)
    go.touch()
    run.run(f"{what};")
    assert run.run("(p + p).get().tolist()").data["text/plain"] == "[2, 4, 6]"
    forget_the_error(run)
    assert run.run("del julie['w'], p; sim.sync(); print(julie.count())").text == "0\n"


def test_an_interrupted_fetch_of_a_pointer_leaks_nothing(run, tmp_path):
    go = tmp_path / "go"
    run.run("pp = fp.tensor([1, 2]).send(toby).send(julie)")
    run.run(HOLD.format(go=str(go)))
    interrupt(run, "pp.get()", 0.1)
    go.touch()
    assert run.run("pp.get().get()").data["text/plain"] == "tensor([1, 2])"
    assert run.run("del pp; sim.sync(); print(julie.count(), toby.count())").text == "0 0\n"


def test_a_cell_on_a_worker_can_be_left_at_once(run, tmp_path):
    go, began = tmp_path / "go", tmp_path / "began"
    run.run("%load_ext farptr")
    cell = f"""
from pathlib import Path
Path({str(began)!r}).touch()
while not Path({str(go)!r}).exists(): pass
w = np.ones(2)
"""
    run.begin(f"%%on julie toby\n{cell}")
    until(began.exists)
    run.interrupt()
    assert run.end(AT_ONCE_S).error[0] == "KeyboardInterrupt"
    assert run.run("p = fp.tensor([1])\np").data["text/plain"] == "tensor([1])"  # this client is usable
    go.touch()
    assert run.run("julie['w'].get()").data["text/plain"] == "tensor([1., 1.])"  # the cell went on
    assert run.run("%on toby w").text == "toby | array([1., 1.])\n"


def test_a_worker_that_hangs_in_a_cell_can_be_replaced(run, tmp_path):
    began = tmp_path / "began"
    run.run("%load_ext farptr")
    run.begin(f"%%on julie\nopen({str(began)!r}, 'w')\nwhile True: pass")
    until(began.exists)
    run.interrupt()
    assert run.end(AT_ONCE_S).error[0] == "KeyboardInterrupt"
    run.run("sim.remove('julie'); julie = sim.add('julie', functions=True)")
    assert run.run("%on julie 1 + 1").text == "julie | 2\n"


# ---------------------------------------------------------------- cells that run again


def test_a_cell_that_starts_a_run_can_be_run_again(run):
    old = pids(run)
    run.run(START)
    new = pids(run)
    assert not set(old) & set(new)
    run.run("import gc; gc.collect()")
    until(lambda: not any(map(alive, old)))
    assert all(map(alive, new))
    assert run.run("(fp.tensor([1]).send(julie) + 1).get()").data["text/plain"] == "tensor([2])"


def test_the_output_history_keeps_a_run_and_its_objects(run):
    old = pids(run)
    run.run("fp.tensor([7]).send(julie)")
    number = run.run("max(Out)").data["text/plain"]
    run.run(START + "import gc; gc.collect()")
    assert all(map(alive, old))
    assert run.run(f"Out[{number}].get_copy()").data["text/plain"] == "tensor([7])"


def test_why_names_the_outputs_that_keep_an_object(run):
    run.run("p = fp.tensor([7]).send(julie)\np")
    number = run.run("max(Out)").data["text/plain"]
    said = run.run("sim.why(p)").data["text/plain"]
    assert said.endswith(f"is held by me (1): p = Out[{number}]"), said
    run.run("id = p.id_at_location; del p")
    said = run.run("sim.why(id)").data["text/plain"]
    assert said.endswith(f"is held by me (1): Out[{number}]"), said
    run.run(f"p = Out[{number}]")
    run.run("%xdel p")
    assert run.run("sim.why(id)").data["text/plain"] == "nobody holds it"
    assert run.run("print(julie.count())").text == "0\n"


def test_a_semicolon_keeps_an_output_out_of_the_history(run):
    run.run("fp.tensor([7]).send(julie);")
    assert run.run("print(julie.count())").text == "0\n"


def test_the_traceback_of_an_error_keeps_handles_until_the_next_error(run):
    run.tried("p = fp.tensor([7]).send(julie)\np.reshape(2).get()")
    run.run("del p")
    assert run.run("print(julie.count() > 0)").text == "True\n"
    forget_the_error(run)
    assert run.run("sim.sync(); print(julie.count())").text == "0\n"


def test_everything_ends_with_the_kernel():
    with kernel() as notebook:
        notebook.run(START)
        started = pids(notebook)
        assert all(map(alive, started))
    until(lambda: not any(map(alive, started)))


# ---------------------------------------------------------------- displays


def test_displays_are_pictures_and_need_no_worker(run):
    run.run("p = fp.tensor([1, 2]).send(julie).send(toby); sim.sync()")
    *workers, _ = pids(run)
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        for what in ("p", "sim", "julie", "fp.combine_pointers(p.clone(), p.clone())"):
            began_s = time.monotonic()
            data = run.run(what).data
            assert time.monotonic() - began_s < AT_ONCE_S
            assert "<svg" in data["text/html"]
            assert data["text/plain"]
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    assert run.run("p.get_copy().get_copy()").data["text/plain"] == "tensor([1, 2])"


def test_handles_are_shown_by_their_variables(run):
    run.run("weights = fp.tensor([1, 2]).send(julie)")
    assert ">weights<" in run.run("sim").data["text/html"]
