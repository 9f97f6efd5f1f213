"""docs/quickstart.md as a reader goes through it: from top to bottom, in one empty directory.

A block of Python that begins with ``# name.py`` is a file of that name; any other is a cell of one notebook. A block of
text shows what the block before it has printed.
"""

import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.integration.kernels import kernel
from tests.integration.test_docs import INSTALLING, Ids, fences

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
FILE = re.compile(r"# (\w+\.py)\n")
DURATION = re.compile(r"\b\d+\.\d\ds\b")
PROGRAMS = {"farptr": "-m farptr", "pytest": "-m pytest -p no:cacheprovider", "python": ""}


def steps(*languages):
    """(language, text, what it prints or None, line)."""
    blocks = [*fences(PAGE), ("", "", 0)]
    for (language, text, line), (following, shown, _) in itertools.pairwise(blocks):
        if language in languages:
            yield language, text, shown if following == "text" else None, line


def shell(lines):
    """Run lines as bash does, with this Python's programs."""
    python = shlex.quote(sys.executable)
    programs = "".join(f'{name}() {{ {python} {how} "$@"; }}\n' for name, how in PROGRAMS.items())
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = ["bash", "-c", f"set -e\n{programs}{lines}"]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60, check=False)


def test_files_and_commands_do_what_the_page_shows(runtime_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ids, ran = Ids(), []
    try:
        for language, text, want, line in steps("python", "bash"):
            file = FILE.match(text)
            if file:
                Path(file[1]).write_text(text, encoding="utf-8")
            elif language == "bash" and not INSTALLING.search(text):
                ran.append(text)
                done = shell(text)
                assert done.returncode == 0, f"{PAGE.name}:{line}\n{done.stdout}{done.stderr}"
                got = DURATION.sub("0.00s", done.stdout)
                if want is not None:
                    want = DURATION.sub("0.00s", want)
                    assert ids.translated(want, got) == want, f"{PAGE.name}:{line}"
    finally:
        shell("farptr down || true")
    assert all(any(command in text for text in ran) for command in ("farptr run", "farptr up", "pytest"))


def test_cells_show_what_the_page_shows():
    cells = [(text, want or "", line) for _, text, want, line in steps("python") if not FILE.match(text)]
    assert any(text.startswith("%%on") for text, _, _ in cells)
    with kernel() as notebook:
        for code, want, line in cells:
            shown = notebook.run(code)
            plain = shown.data.get("text/plain")
            assert shown.text + (f"{plain}\n" if plain else "") == want, f"{PAGE.name}:{line}"
