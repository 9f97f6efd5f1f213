"""Which moments are left out when this process is interrupted, when the handler stands, and that no Ctrl-C is lost."""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import sys
import threading
import time
import weakref

import pytest

from farptr.client import interrupts

PATIENCE_S = 10.0
BUSY = """
def busy(until):
    while not until():
        pass
"""


def function_of(module, source=BUSY, name="busy", **names):
    """A function, as if a module of that name had it."""
    scope = {"__name__": module, **names}
    exec(source, scope)
    return scope[name]


class Session:
    """Something to be open."""


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler stands, whoever runs the tests; and nothing is put off from before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    open_before = set(interrupts._open)
    interrupts._open.clear()
    interrupts.forget()
    yield
    interrupts._open.update(open_before)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def guard(handler):
    interrupts.install()


def press():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


class Presses:
    """Ctrl-C at these times, in seconds from the beginning of the block."""

    def __init__(self, *times_s):
        self._times_s = times_s
        self.done_s = []

    def __enter__(self):
        self._thread = threading.Thread(target=self._press)
        self._thread.start()
        return self

    def _press(self):
        began_s = time.monotonic()
        for at_s in self._times_s:
            time.sleep(max(0.0, began_s + at_s - time.monotonic()))
            self.done_s.append(time.monotonic())
            press()

    def __exit__(self, *_):
        self._thread.join()


def interrupted(call):
    """Call it, which must be interrupted."""
    with pytest.raises(KeyboardInterrupt):
        call()


def wait_for_ever():
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        time.sleep(0.01)


def over(seconds):
    until_s = time.monotonic() + seconds
    return lambda: time.monotonic() >= until_s


# ---------------------------------------------------------------- what is delicate


def frame_within(module, source=BUSY, name="busy"):
    """The innermost frame in a function of that module."""
    found = []
    function_of(module, source, name)(lambda: not found.append(sys._getframe()))
    return found[0]


def test_the_callers_own_code_is_not_delicate():
    assert not interrupts.is_delicate(sys._getframe())
    assert not interrupts.is_delicate(None)


@pytest.mark.parametrize(
    ("module", "delicate"),
    [
        ("farptr.client.session", True),
        ("farptr.client.interrupts", True),
        ("farptr.transport.dealer", True),
        ("farptr.protocol.body", True),
        ("weakref", True),
        ("farptr.client.faults", False),
        ("farptr.launch.processes", False),
        ("farptr.notebook.magics", False),
        ("farptr.cli.shell", False),
        ("theirs", False),
    ],
)
def test_the_nearest_code_of_ours_decides(module, delicate):
    assert interrupts.is_delicate(frame_within(module)) is delicate


def test_a_wait_within_our_code_can_be_left():
    find = function_of("farptr.launch.processes")
    found = []
    function_of("farptr.client.session")(
        lambda: find(lambda: not found.append(sys._getframe())) is None
    )  # a wait for processes, by a session
    assert not interrupts.is_delicate(found[0])


def test_what_runs_when_an_object_goes_is_not_left_whatever_it_waits_for():
    found = []
    find = function_of("farptr.launch.processes")

    class Finalized:
        def __del__(self):
            find(lambda: not found.append(interrupts.is_delicate(sys._getframe())))

    one = Finalized()
    weakref.finalize(one, find, lambda: not found.append(interrupts.is_delicate(sys._getframe())))
    del one
    assert found == [True, True]


def test_the_end_of_an_import_is_not_left():
    """Python would print the interrupt there, and forget it."""
    found = []

    def look(frame, event, _):
        if event == "call" and frame.f_code.co_name == "cb":
            found.append(interrupts.is_delicate(frame))

    sys.setprofile(look)
    try:
        importlib._bootstrap._get_module_lock("no_such_module")
        gc.collect()
    finally:
        sys.setprofile(None)
    assert found == [True]


def test_another_threads_wait_can_be_left():
    held = threading.Condition()
    thread_frame = []

    def wait():
        with held:
            held.wait(5)

    thread = threading.Thread(target=wait)
    thread.start()
    while not thread_frame:
        frame = sys._current_frames().get(thread.ident)
        if frame is not None and frame.f_code is threading.Condition.wait.__code__ and "gotit" in frame.f_locals:
            thread_frame.append(frame)
    assert not interrupts.is_delicate(thread_frame[0])
    with held:
        held.notify_all()
    thread.join()


def test_the_waits_that_are_named_exist():
    for module, name in interrupts._WAITS:
        found = sys.modules.get(module) or __import__(module, fromlist=["_"])
        for part in name.split("."):
            found = getattr(found, part)
        assert found.__code__.co_qualname == name
    for module in interrupts._LEFT_AT_ONCE:
        assert __import__(module.rstrip("."), fromlist=["_"])


# ---------------------------------------------------------------- no Ctrl-C is lost


@pytest.mark.usefixtures("guard")
def test_it_comes_at_once_where_farptr_does_nothing():
    with Presses(0.05) as presses:
        interrupted(wait_for_ever)
        came_s = time.monotonic()
    assert came_s - presses.done_s[0] < 1.0


@pytest.mark.usefixtures("guard")
def test_it_is_put_off_and_comes_when_the_code_is_left():
    left = []

    def work():
        function_of("farptr.client.session")(over(0.2))
        left.append(time.monotonic())
        wait_for_ever()

    with Presses(0.05):
        interrupted(work)
    assert len(left) == 1
    assert time.monotonic() - left[0] < 1.0


@pytest.mark.usefixtures("guard")
def test_two_that_are_put_off_come_both():
    with Presses(0.02, 0.06):
        interrupted(lambda: (function_of("farptr.client.session")(over(0.15)), wait_for_ever()))
        interrupted(wait_for_ever)


@pytest.mark.usefixtures("guard")
def test_who_insists_gets_it_wherever_it_is(monkeypatch):
    monkeypatch.setattr(interrupts, "INSIST_S", 0.2)
    with Presses(0.02, 0.1, 0.4) as presses:
        interrupted(lambda: function_of("farptr.client.session")(over(PATIENCE_S)))
        came_s = time.monotonic()
    assert 0.0 <= came_s - presses.done_s[2] < 1.0


@pytest.mark.usefixtures("guard")
def test_an_old_one_is_no_insisting(monkeypatch):
    monkeypatch.setattr(interrupts, "INSIST_S", 0.1)
    for _ in range(2):
        with Presses(0.02):
            interrupted(lambda: (function_of("farptr.client.session")(over(0.05)), wait_for_ever()))
        time.sleep(0.15)  # longer than both: what was put off is over


@pytest.mark.usefixtures("guard")
def test_where_no_thread_can_be_started_it_comes_at_once(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(interrupts._thread, "start_new_thread", refuse)
    with Presses(0.02):
        interrupted(lambda: function_of("farptr.client.session")(over(PATIENCE_S)))


@pytest.mark.usefixtures("guard")
def test_one_that_is_put_off_reaches_whoever_stands_by_then():
    heard = []
    with Presses(0.02):
        function_of("farptr.client.session")(over(0.1))
        # It comes between any two lines here: now, or to the next handler.
        try:
            signal.signal(signal.SIGINT, lambda *_: heard.append("theirs"))
            deadline_s = time.monotonic() + PATIENCE_S
            while not heard and time.monotonic() < deadline_s:
                time.sleep(0.001)
        except KeyboardInterrupt:
            heard.append("ours")
    assert len(heard) == 1


@pytest.mark.usefixtures("guard")
def test_what_is_forgotten_does_not_come():
    interrupts.handle(signal.SIGINT, frame_within("farptr.client.session"))  # put off
    interrupts.forget()
    time.sleep(20 * interrupts.PAUSE_S)  # it would have come: nothing else tells


# ---------------------------------------------------------------- when it stands


def stands():
    return signal.getsignal(signal.SIGINT) is interrupts.handle


def test_it_stands_while_a_session_is_open():
    first, second = Session(), Session()
    interrupts.install()
    interrupts.opened(first)
    interrupts.opened(second)
    interrupts.closed(first)
    assert stands()
    interrupts.closed(second)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    interrupts.closed(second)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_stands_while_a_session_is_being_opened():
    seen = []

    @interrupts.guarded
    def join(fails, session):
        seen.append(stands())
        if fails:
            raise ValueError
        interrupts.opened(session)
        return session

    with pytest.raises(ValueError):
        join(True, None)
    assert (seen, stands()) == ([True], False)
    session = join(False, Session())
    assert (seen, stands()) == ([True, True], True)
    interrupts.closed(session)


@pytest.mark.parametrize("theirs", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_nobody_elses_is_replaced(theirs):
    session = Session()
    signal.signal(signal.SIGINT, theirs)
    interrupts.install()
    interrupts.opened(session)
    assert signal.getsignal(signal.SIGINT) == theirs
    interrupts.closed(session)
    assert signal.getsignal(signal.SIGINT) == theirs


def test_nobody_elses_is_taken_away():
    session = Session()
    interrupts.install()
    interrupts.opened(session)

    def theirs(*_):
        return None

    signal.signal(signal.SIGINT, theirs)
    interrupts.closed(session)
    assert signal.getsignal(signal.SIGINT) is theirs


def test_a_thread_leaves_the_handlers_alone():
    session = Session()

    def elsewhere():
        interrupts.install()
        interrupts.opened(session)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    interrupts.closed(session)


@pytest.mark.usefixtures("guard")
@pytest.mark.parametrize("delicate", [False, True])
def test_a_forked_child_has_pythons_own_and_is_interrupted(delicate):
    session = Session()
    interrupts.opened(session)
    begun, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            own = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if delicate:
                interrupts.install()  # as a session of its own does: threads of the parent's are not here
            os.write(tell, b"1")
            if delicate:
                function_of("farptr.client.session")(over(0.2))
            wait_for_ever()
        except KeyboardInterrupt:
            code = 0 if own else 2
        finally:
            os._exit(code)
    assert select.select([begun], [], [], PATIENCE_S)[0]
    os.kill(pid, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(begun)
    os.close(tell)
    assert stands()
    interrupts.closed(session)
