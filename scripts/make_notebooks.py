"""Run the notebooks of examples/ again and keep their outputs: ``python scripts/make_notebooks.py``.

Each has a fresh kernel. A test holds the files against another execution, ids and names of runs renamed (``told``).
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))
CELL_TIMEOUT_S = 60
_DRAWN = re.compile(r"\b\d{11}\b|\bp-\d+-[0-9a-f]{8}\b")
"""Ids of objects, and names of runs that have none."""


def read(path: Path) -> Any:
    """A notebook as its file has it."""
    return nbformat.read(path, as_version=4)


def execute(notebook: Any) -> Any:
    """The notebook with the outputs of a fresh kernel; an error of a cell is raised."""
    fresh = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory(prefix="nb-", dir="/tmp") as folder:
        files = {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}
        NotebookClient(
            fresh,
            kernel_name="python3",
            config=Config(KernelManager=files),
            timeout=CELL_TIMEOUT_S,
            resources={"metadata": {"path": folder}},
        ).execute(env={**os.environ, "IPYTHONDIR": folder})
    for cell in fresh.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _merged(cell.outputs)
    fresh.metadata["language_info"] = {"name": "python"}  # no version of this machine
    return fresh


def _merged(outputs: list[Any]) -> list[Any]:
    """What was printed in pieces is one output: where it was cut is chance."""
    merged: list[Any] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def told(notebook: Any) -> list[str]:
    """Every output of a notebook as text, with what is drawn anew renamed in the order of its first appearance."""
    seen: dict[str, str] = {}
    texts: list[str] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            forms = output.get("data") or {output.get("name", output.output_type): output.get("text", "")}
            texts += [f"{cell.execution_count} {kind}: {forms[kind]}" for kind in sorted(forms, reverse=True)]
    return [_DRAWN.sub(lambda m: seen.setdefault(m[0], f"<{len(seen) + 1}>"), text) for text in texts]


if __name__ == "__main__":
    for path in NOTEBOOKS:
        nbformat.write(execute(read(path)), path)
