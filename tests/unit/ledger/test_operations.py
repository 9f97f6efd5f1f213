"""What the account believes of NumPy's operations, held against NumPy itself: every sample of every operation."""

from __future__ import annotations

import numpy as np
import pytest

from farptr.ledger.operations import keeps_values, sets_part, shares_memory
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
    assert name in ("positive", "conjugate", "maximum", "minimum") or not (keeps_values(name) or shares_memory(name))


@pytest.mark.parametrize("name", ["=[]", "=.sort", "=.fill", "=np:copyto", "=np:put", "=.real=", "=.flat="])
def test_what_sets_elements_leaves_others_as_they_were(name):
    assert sets_part(name)


def test_the_tables_hold_what_they_should():
    assert all(map(shares_memory, ["np:reshape", ".T", "np:linalg.diagonal", "xp:permute_dims", "np:split", "real"]))
    assert all(map(keeps_values, ["np:concatenate", "np:where", ".take", "np:stack", ".reshape"]))
    assert not any(map(keeps_values, ["add", "np:sum", ".mean", "np:linalg.inv"]))
