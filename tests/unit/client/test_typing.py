"""What type checkers, ``help`` and tab completion are told of pointers."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from farptr.client.declared import NO, Declared
from farptr.client.multi import MultiPointer
from farptr.client.pointer import Pointer
from farptr.protocol import numpy_refusals as refusals
from farptr.protocol import operations as table

HERE = Path(__file__).parent
MADE = sorted({*table.METHODS, *table.INPLACE_METHODS})


def test_a_users_program_passes_mypy_strict(tmp_path):
    pytest.importorskip("mypy", reason="mypy is in the dev extra")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(HERE / "user_code.py")]
    done = subprocess.run(command, cwd=HERE.parents[2], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


@pytest.mark.parametrize("kind", [Pointer, MultiPointer])
def test_methods_that_are_made_have_the_signatures_that_are_declared(kind):
    declared = {name for name, member in vars(Declared).items() if inspect.isfunction(member) and name[0] != "_"}
    assert declared == set(MADE)
    for name in MADE:
        ours, said = (inspect.signature(getattr(owner, name)).parameters for owner in (kind, Declared))
        assert dict(ours) == dict(said), name
        assert getattr(kind, name).__doc__


def test_signatures_are_numpys():
    """Where NumPy says its own: names, order and kinds are the same, but for what another version has besides."""
    seen = 0
    for name in MADE:
        try:
            theirs = inspect.signature(getattr(np.ndarray, name)).parameters
        except ValueError:  # this version does not say
            continue
        ours = inspect.signature(getattr(Declared, name)).parameters
        named = [p.name for p in theirs.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        assert [parameter for parameter in ours if parameter in named] == named, name
        seen += 1
    if np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        assert seen > 30


def test_help_shows_signature_and_meaning():
    text = pydoc.render_doc(Pointer.reshape, renderer=pydoc.plaintext)
    assert "reshape(self, *shape: " in text
    assert "order: " in text
    assert "another shape" in text
    for name in dir(Pointer):
        if not name.startswith("_") and name not in refusals.ATTRIBUTES:
            assert inspect.getdoc(getattr(Pointer, name)), name


def test_completion_offers_nothing_that_is_refused():
    offered = dir(object.__new__(Pointer))
    assert not set(offered) & set(refusals.ATTRIBUTES)
    assert {"reshape", "get", "T", "flat"} <= set(offered)


def test_an_argument_that_is_not_given_is_no_value_of_numpys():
    defaults = [p.default for name in MADE for p in inspect.signature(getattr(Declared, name)).parameters.values()]
    assert NO in defaults
    assert NO is ...
