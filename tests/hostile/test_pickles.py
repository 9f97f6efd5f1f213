"""A catalogue of hostile pickles: all refused, no name resolved, little memory."""

from __future__ import annotations

import pickle
import sys
import time
import tracemalloc

import pytest

from farptr.protocol import body as bodies
from farptr.protocol.errors import ProtocolError
from tests.hostile.pickles import catalogue

MEMORY_BYTES = 100 << 20
WATCHED = ("import", "pickle.find_class", "exec", "compile", "open", "os.system", "subprocess.Popen")
_events: list[str] = []
_watching = False


def _hook(event, args):
    if _watching and event in WATCHED:
        _events.append(f"{event} {args!r}")


sys.addaudithook(_hook)  # it stays until the process ends, and looks only while a pickle is read


@pytest.fixture
def watched(monkeypatch):
    """Names of which the unpickler asked for one, and whatever else it did to the system."""
    global _watching
    asked = []
    monkeypatch.setattr(bodies._Plain, "find_class", lambda self, *name: asked.append(name))
    _events.clear()
    _watching = True
    yield asked
    _watching = False
    asked += _events


def _seen(data):
    """(Whether it is refused, bytes of memory, seconds)."""
    tracemalloc.start()
    began_s = time.perf_counter()
    try:
        bodies.loads(data)
        refused = False
    except ProtocolError:
        refused = True
    took_s = time.perf_counter() - began_s
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return refused, peak_bytes, took_s


def test_all_are_refused_with_no_name_resolved(watched):
    entries = catalogue()
    assert len(entries) >= 300
    assert len({name for name, _ in entries}) == len(entries)
    bodies.loads(bodies.dumps(("what is needed is imported",)))
    del watched[:], _events[:]
    seen = {name: _seen(data) for name, data in entries}
    assert [name for name, (refused, _, _) in seen.items() if not refused] == []
    assert not watched
    assert not _events
    assert {name: size for name, (_, size, _) in seen.items() if size > MEMORY_BYTES} == {}
    assert "tests.hostile.victim" not in sys.modules
    slowest = max(seen, key=lambda name: seen[name][2])
    print(f"{len(seen)} refused; the slowest {seen[slowest][2] * 1e3:.1f} ms ({slowest})")


def test_the_watch_sees_what_it_is_to_see(watched):
    """So that the test above can fail: the same pickles, read by pickle itself, resolve names."""
    pickle.loads(b"\x80\x05\x8c\x08builtins\x8c\x03int\x93.")
    assert any(event.startswith("pickle.find_class") for event in _events)


def test_behind_the_opcodes_stands_another_guard():
    for data in (b"\x80\x05cos\nsystem\n.", b"\x80\x05NQ."):
        with pytest.raises(ProtocolError, match="plain values only"):
            bodies._Plain(__import__("io").BytesIO(data)).load()
