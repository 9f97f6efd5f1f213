"""``fp.up(…, preload=…)``: modules that are imported once, before the workers are forked."""

from __future__ import annotations

import pytest

import farptr as fp


def test_workers_have_what_was_preloaded(runtime_dir):
    """``wave`` is imported by nothing else here: a cell finds it loaded, and without preload does not."""
    loaded = {}
    for preload in ((), ("wave",)):
        with fp.up("julie", functions=True, preload=preload) as sim:
            with sim["julie"]._session.command() as core:
                key = core.cell(sim["julie"].number, "import sys\n'wave' in sys.modules")
            loaded[preload] = sim["julie"]._session.wait(key)[1]
    assert loaded == {(): "False", ("wave",): "True"}


def test_a_module_that_is_not_there_is_told(runtime_dir):
    with pytest.raises(fp.StartFailed, match="no_such_module"):
        fp.up("julie", preload=("no_such_module",))
