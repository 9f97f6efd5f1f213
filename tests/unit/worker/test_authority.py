"""Rights at a worker, and what its failures say of its own data."""

from __future__ import annotations

import numpy as np
import pytest

from farptr.protocol.authority import ALL, allowed_of, allowed_text
from farptr.protocol.errors import NotAllowed, Report, UsageError
from farptr.worker.authority import WITHHELD, Authority, without_values


def test_texts():
    assert allowed_of("me,bob:names+use") == {"me": ALL, "bob": {"names", "use"}}
    assert allowed_of("") == {}
    assert allowed_text(["me", "bob:run"]) == "me,bob:run"
    assert allowed_text(None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("me:nams", "names"), ("me:zzz", "fetch, names, run, use"), (":run", "as in"), ("me,me", "as in")],
)
def test_texts_that_will_not_do(text, words):
    with pytest.raises(UsageError, match=words):
        allowed_text(text)


def test_who_is_not_named_has_no_right():
    authority = Authority(allowed_of("me,bob:names"), lambda: "julie")
    authority.users |= {3: "me", 4: "bob", 5: "eve"}
    authority.check(3, "run")
    authority.check(4, "names")
    for root, right in ((4, "use"), (4, "fetch"), (5, "names"), (6, "names")):
        with pytest.raises(NotAllowed, match=r"client \w+ may not .*julie.*\n.*so that me(, bob)? may"):
            authority.check(root, right)
    Authority(None, lambda: "julie").check(9, "run")


FAILURES = {
    "text": lambda own: own.astype(float),
    "index": lambda own: np.arange(2)[own],
    "key": lambda own: {}[own[0]],
    "shape": lambda own: np.arange(2).reshape(own),
    "requested": lambda own: np.broadcast_to(np.arange(2), own),
    "axis": lambda own: np.arange(2).sum(axis=own[0]),
    "shapes": lambda own: own + np.ones(5),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_is_told_of_own_data_shows_no_value(what):
    own = {"text": np.array(["4711x"]), "index": np.array([4711, 0, 1]), "key": np.array([4711]),
           "shapes": np.array([4711.0, 1, 2])}.get(what, np.array([4711, 3]))  # fmt: skip
    with pytest.raises((ValueError, IndexError, KeyError)) as caught:
        FAILURES[what](own)
    told = without_values(Report("X", str(caught.value), "op", 1, 1, 0, 0, f"… {caught.value}"))
    assert "4711" not in told.message + told.trace
    assert ("(3,)" in told.message) == (what == "shapes")
    assert (told.message == WITHHELD) == (what in ("text", "key"))
