"""Ctrl-C of whole programs with a run: scripts, ``asyncio``, threads, the debugger, the prompt of ``farptr shell``."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest


class Program:
    """A script with a run, which says when it is to be interrupted."""

    def __init__(self, text, *options):
        text = "import asyncio, os, signal, sys, threading, time\nimport farptr as fp\n" + text
        self._process = subprocess.Popen(
            [sys.executable, "-u", *options, "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def press(self, word="begun"):
        """Wait for the word, and press Ctrl-C."""
        line = self._process.stdout.readline()
        assert line == word + "\n", line + self._process.stderr.read()
        self._pressed_s = time.monotonic()
        self._process.send_signal(signal.SIGINT)

    def ends(self):
        """(exit code, the rest of its output); it must end promptly."""
        try:
            out, self.err = self._process.communicate(timeout=20)
        finally:
            self._process.kill()
            self._process.wait()
        assert time.monotonic() - self._pressed_s < 10
        return self._process.returncode, out


AWAITS = """
async def main():
    try:
        print("begun")
        {}
    finally:
        print("cleaned up")
"""
FOR_AN_ANSWER = "await fp.tensor([1]).send(sim.stop('julie') or sim['julie']).get_async(timeout=None)"


@pytest.mark.parametrize("wait", ["await asyncio.sleep(60)", FOR_AN_ANSWER], ids=["sleep", "answer"])
def test_a_program_that_awaits_ends_at_once(wait):
    program = Program(AWAITS.format(wait) + "with fp.up('julie') as sim:\n    asyncio.run(main())")
    program.press()
    assert program.ends() == (-signal.SIGINT, "cleaned up\n")
    assert "KeyboardInterrupt" in program.err


def test_a_session_that_is_opened_in_asyncio_run_leaves_that_its_handler():
    wait = "with fp.up('julie') as sim: await asyncio.sleep(60)"
    program = Program(AWAITS.format(wait) + "asyncio.run(main())")
    program.press()
    assert program.ends() == (-signal.SIGINT, "cleaned up\n")


def test_a_program_that_does_not_catch_it_ends_by_it():
    program = Program("with fp.up('julie') as sim:\n    sim.timeout = None\n    p = fp.tensor([1]).send(sim['julie'])\n"
                      "    sim.sync()\n    sim.stop('julie')\n    print('begun')\n    p.get()")  # fmt: skip
    program.press()
    assert program.ends() == (-signal.SIGINT, "")


def test_a_second_one_interrupts_what_the_first_one_began():
    text = """
with fp.up("julie") as sim:
    for word in ("begun", "again"):
        try:
            print(word)
            time.sleep(60)
        except KeyboardInterrupt:
            print("caught")
print("end")
"""
    program = Program(text)
    program.press()
    assert program._process.stdout.readline() == "caught\n"
    program.press("again")
    assert program.ends() == (0, "caught\nend\n")


def test_a_session_of_another_thread_leaves_the_handlers_alone():
    text = """
opened = []
thread = threading.Thread(target=lambda: opened.append(fp.up("julie")))
thread.start()
thread.join()
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
(fp.tensor([1]).send(opened[0]["julie"]) + 1).get()
try:
    print("begun")
    time.sleep(60)
except KeyboardInterrupt:
    opened[0].close()
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    program = Program(text)
    assert program._process.stdout.readline() == "True\n"
    program.press()
    assert program.ends() == (0, "True\n")


def test_the_debugger_keeps_its_handler(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import signal, farptr as fp\nbefore = signal.getsignal(2)\nassert before is not signal.default_int_handler\n"
        "with fp.up('julie') as sim:\n    print('kept', signal.getsignal(2) is before)\n"
    )
    command = [sys.executable, "-m", "pdb", "-c", "continue", str(script)]
    done = subprocess.run(command, input="q\n", capture_output=True, text=True, timeout=60, check=False)
    assert "kept True" in done.stdout


def test_the_prompt_of_farptr_shell_goes_on(terminal):
    prompt = terminal("shell", "-n", "2")
    prompt.expect_exact("sim (a run of its own)")
    prompt.sendline(
        "p = fp.tensor([1, 2]).send(w1); sim.timeout = None; sim.sync(); sim.stop('w1'); print('be', 'gun')"
    )
    prompt.expect_exact("be gun")
    prompt.sendline("print('wai', 'ting'); p.get()")
    prompt.expect_exact("wai ting")
    prompt.sendintr()
    prompt.expect_exact("KeyboardInterrupt")
    prompt.sendline("sim.cont('w1'); print('got', p.get().tolist(), sim.leaks())")
    prompt.expect_exact("got [1, 2] []")
    prompt.sendline("exit()")
    prompt.expect(r"$")
