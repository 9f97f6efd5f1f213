"""docs/migrating-from-pysyft.md: its prompts answer as shown."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

from tests.integration.test_docs import ROOT, check_prompts


def test_prompts_answer_as_shown(sy, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sy.running, "_run", None)  # the page ends its run
    try:
        check_prompts(ROOT / "docs" / "migrating-from-pysyft.md")
    finally:
        sy.running.close()
