"""``farptr shell``: a prompt, on a terminal and through a pipe."""

from __future__ import annotations

import pexpect
import pytest
from pexpect.popen_spawn import PopenSpawn

import farptr as fp
from farptr.cli import shell as module
from farptr.launch.rundir import list_runs
from tests.conftest import until
from tests.integration.commands import FARPTR, farptr, ok, refused

NO_IPYTHON = "import sys; sys.modules['IPython'] = None; from farptr.cli import main; sys.exit(main(sys.argv[1:]))"


def piped(text, *words, **how):
    return farptr("shell", *words, stdin=text, **how)


def test_a_private_run_through_a_pipe(base):
    done = piped(
        "x = fp.tensor([1, 2]).send(julie)\n(x + x).get()\nlen(sim), int(np.int8(3))\n", "--workers", "julie,toby"
    )
    assert done.stdout == "tensor([2, 4])\n(2, 3)\n"
    assert done.stderr == "fp, np, sim (a run of its own), julie, toby\n"
    assert done.returncode == 0
    assert list(base.iterdir()) == []


def test_functions_are_for_a_run_of_its_own(base):
    cell = "from farptr.client.cells import run_cell\nlist(run_cell(list(sim), 'print(6 * 7)'))\n"
    assert "42" in piped(cell, "--workers", "julie", "--functions").stdout
    refused(2, "shell", "--functions")


def test_it_joins_a_run_and_leaves_it_up(base):
    ok("up", "julie", "-d", "-c", "team")
    done = piped("julie.name\n", "-c", "team")
    assert (done.stdout, done.stderr) == ("'julie'\n", "fp, np, sim (run team), julie\n")
    assert piped("julie.name\n", FARPTR_RUN="team").stdout == "'julie'\n"
    assert [info.name for info in list_runs()] == ["team"]


def test_blocks_in_a_pipe_need_no_empty_line(base):
    text = "def double(p):\n    q = p + p\n# aside\n\n    return q\n"
    text += "for w in sim:\n    print(w.name)\nelse:\n    print('over')\n"
    text += "if 1:\n    print(double(3), '''a\n\nb''')"
    assert piped(text, "-n", "2").stdout == "w1\nw2\nover\n6 a\n\nb\n"


def test_an_error_in_a_pipe_does_not_end_it(base):
    done = piped("1 / 0\nno python at all\nw1.name\n", "-n", "1")
    assert "ZeroDivisionError" in done.stderr
    assert "SyntaxError" in done.stderr
    assert (done.stdout, done.returncode) == ("'w1'\n", 0)


@pytest.mark.parametrize(("line", "code"), [("exit()", 0), ("exit(3)", 3), ("raise SystemExit('said')", 1)])
def test_exit_codes(base, line, code):
    assert piped(f"{line}\nprint('not reached')\n", "-n", "1").stdout == ""
    assert piped(line, "-n", "1").returncode == code


def test_who_feeds_the_pipe_gets_each_answer_at_once(base):
    process = PopenSpawn([*FARPTR, "shell", "-n", "1"], timeout=15, encoding="utf-8")
    process.expect("a run of its own")
    process.sendline("w1.name")
    process.expect("'w1'")
    process.sendline("6 * 7")
    process.expect("42")
    process.sendeof()
    process.expect(pexpect.EOF)
    assert process.wait() == 0


def test_on_a_terminal_with_ipython(terminal, base):
    child = terminal("shell", "-n", "2", IPYTHONDIR=str(base / "ipython"), TERM="dumb")
    child.expect(r"fp, np, sim \(a run of its own\), w1, w2")
    child.expect(r"In \[")
    child.sendline("w2.name * 2")
    child.expect("'w2w2'")
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    until(lambda: not list_runs())


def test_on_a_terminal_without_ipython(base):
    child = pexpect.spawn(FARPTR[0], ["-c", NO_IPYTHON, "shell", "-n", "1"], encoding="utf-8", timeout=15)
    child.expect(r"w1\r\n")
    child.expect(">>> ")
    child.sendline("w1.name * 2")
    child.expect("'w1w1'")
    child.sendintr()
    child.expect("KeyboardInterrupt")
    child.sendline("exit(5)")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 5
    assert list_runs() == []


def test_names_that_are_no_variables(base):
    with fp.up("a-b", "np", "class") as sim:
        scope = module._scope(sim)
        assert scope["np"].__name__ == "numpy"
        assert set(scope) == {"__name__", "fp", "np", "sim"}
        assert module._banner(sim, scope).endswith("sim['a-b'], sim['np'], sim['class']")


def test_bad_input(base):
    assert refused(3, "shell") == ("no run called 'default'", "`farptr up julie toby` starts one")
    assert "cannot be both" in refused(2, "shell", "-c", "team", "-n", "2")[0]
    assert "there is no file" in refused(5, "shell", "--load", "julie=missing.npz")[0]
