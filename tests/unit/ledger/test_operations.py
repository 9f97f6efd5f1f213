"""What the account believes of NumPy's operations, held against NumPy itself: every sample of every operation."""

from __future__ import annotations

import numpy as np
import pytest

from farptr.journal.lineage import expanded, notes_of
from farptr.ledger.operations import keeps_values, sets_part, shares_memory
from farptr.protocol import body, values
from farptr.protocol import commands as c
from farptr.protocol.header import Kind
from farptr.protocol.ids import make_name
from farptr.protocol.operations import UFUNCS
from tests.behaviour import samples
from tests.behaviour.far import local
from tests.behaviour.samples import DATA
from tests.behaviour.test_operations import lacks

ROWS = (
    [(f".{name}", call) for name, calls in samples.METHODS.items() for call in calls]
    + [(name, call) for name, call in samples.ATTRIBUTES.items()]
    + [(f"np:{name}", call) for name, calls in samples.FUNCTIONS.items() for call in calls]
)
INDEXES = [lambda a: a.f[0], lambda a: a.f[:, 1], lambda a: a.f[::2], lambda a: a.f[..., None], lambda a: a.f[a.f > 0]]


def arrays(result):
    """The arrays of a result."""
    if isinstance(result, np.ndarray):
        return [result]
    return [array for part in result for array in arrays(part)] if isinstance(result, tuple | list) else []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted({name for name, _ in ROWS}))
def test_what_may_be_a_view_is_known(name):
    if name.startswith("np:") and lacks(name.removeprefix("np:")):
        pytest.skip(f"NumPy {np.__version__} has none")
    for call in [call for row, call in ROWS if row == name]:
        given = local(DATA)
        try:
            found = arrays(call(given))
        except Exception:  # a refusal is a sample, too
            continue
        operands = [value for value in vars(given).values() if isinstance(value, np.ndarray)]
        shared = [array for array in found for operand in operands if np.may_share_memory(array, operand)]
        assert shares_memory(name) or not shared


@pytest.mark.parametrize("call", INDEXES)
def test_indexing_gives_views_and_keeps_values(call):
    assert shares_memory("[]")
    assert keeps_values("[]")
    assert set(np.ravel(call(local(DATA))).tolist()) <= set(DATA["f"].ravel().tolist())


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_ufuncs_compute_in_memory_of_their_own(name):
    assert not sets_part(f"={name}")
    assert sets_part(f"={name}.at")
    assert not shares_memory(name) or name in ("positive", "conjugate")
    assert not keeps_values(name) or name in ("positive", "conjugate", "maximum", "minimum", "fmax", "fmin")


@pytest.mark.parametrize("name", ["=[]", "=.sort", "=.fill", "=np:copyto", "=np:put", "=.real=", "=.flat="])
def test_what_sets_elements_leaves_others_as_they_were(name):
    assert sets_part(name)


def test_the_tables_hold_what_they_should():
    assert all(map(shares_memory, ["np:reshape", ".T", "np:linalg.diagonal", "xp:permute_dims", "np:split", "real"]))
    assert all(map(keeps_values, ["np:concatenate", "np:where", ".take", "np:stack", ".reshape"]))
    assert not any(map(keeps_values, ["add", "np:sum", ".mean", "np:linalg.inv"]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted({name for name, _ in ROWS}))
def test_what_has_values_of_operands_as_they_are_is_known(name):
    if name in ("np:outer", "np:convolve"):
        pytest.skip("one of the operands of its samples is a number one")
    if name.startswith("np:") and lacks(name.removeprefix("np:")):
        pytest.skip(f"NumPy {np.__version__} has none")
    rng = np.random.default_rng(1)
    for call in [call for row, call in ROWS if row == name]:
        given = local({key: _drawn(rng, value) for key, value in DATA.items()})
        try:
            found = arrays(call(given))
        except Exception:  # a refusal is a sample, too
            continue
        operands = [value for value in vars(given).values() if isinstance(value, np.ndarray)]
        values = {x for array in operands if array.dtype.kind == "f" for x in array.ravel().tolist()}
        kept = [x for array in found if array.dtype.kind == "f" for x in array.ravel().tolist() if x in values]
        assert keeps_values(name) or not kept


def _drawn(rng, value):
    """Of the same shape; no number twice, so that none is there by chance."""
    return rng.uniform(1.1, 1.9, value.shape) if value.dtype.kind == "f" else value


E1 = make_name(1, 11)


@pytest.mark.parametrize(
    ("operation", "args", "kwargs", "as_is"),
    [
        ("np:einsum", ("ij->ji", E1), {}, True),
        ("np:einsum", ("ii->i", E1), {}, True),
        ("np:einsum", ("ji", E1), {}, True),
        ("np:einsum", ("...j->j...", E1), {}, True),
        ("np:einsum", (E1, [0, 1]), {}, True),
        ("np:einsum", ("ij->j", E1), {}, False),
        ("np:einsum", ("ii", E1), {}, False),
        ("np:einsum", ("i,i->i", E1, E1), {}, False),
        ("np:diff", (E1,), {}, False),
        ("np:diff", (E1, 0), {}, True),
        ("np:diff", (E1,), {"n": 0}, True),
        ("np:polyder", (E1, 0), {}, True),
        ("np:linalg.matrix_power", (E1, 1), {}, True),
        ("np:linalg.matrix_power", (E1, 2), {}, False),
        ("np:linalg.matrix_power", (E1,), {"n": E1}, True),
    ],
)
def test_what_computes_nothing_under_its_arguments_is_noted(operation, args, kwargs, as_is):
    wires = [a if a == E1 else values.encode_argument(a, lambda _: None, []) for a in args]
    named = {key: a if a == E1 else values.encode_argument(a, lambda _: None, []) for key, a in kwargs.items()}
    command = (1, c.CALL, make_name(1, 12), operation, tuple(wires), named or None)
    (note,) = [expanded(one) for one in notes_of(Kind.COMMAND, body.dumps((command,)))]
    assert shares_memory(note[4]) == keeps_values(note[4]) == as_is
    assert note[3] == [E1] * len([a for a in [*args, *kwargs.values()] if a == E1])
