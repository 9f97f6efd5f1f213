"""The program on the page of the Array API is the example, and prints what the page shows."""

import re
import subprocess
import sys
from pathlib import Path

from tests.array_api import needs_numpy

pytestmark = needs_numpy

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "sklearn_on_pointers.py"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def test_the_example_prints_what_the_page_shows():
    page = (ROOT / "docs" / "array-api.md").read_text(encoding="utf-8")
    blocks = {language: text for language, text in BLOCK.findall(page) if language in ("python", "text")}
    assert blocks["python"] == EXAMPLE.read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, blocks["text"], "")
