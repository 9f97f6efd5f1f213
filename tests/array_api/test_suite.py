"""The modules that the official suite is given. The suite itself is run by hand: tools/array_api_suite.sh."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "array_api_suite.sh"
LOOK = """
import tests.array_api.hops{0} as xp
x = xp.asarray([1.0, 2.0])
assert len(x.device.way) == {0}
assert float(xp.sum(x)) == 3.0
try:
    xp.reshape(x, (3,))
except ValueError:
    print("its errors come at their line")
"""


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_module_is_a_namespace_that_many_hops_away(runtime_dir, hops):
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(hops)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "its errors come at their line\n", "")


def test_the_script_names_modules_that_there_are():
    (named,) = re.findall(r'MODULE="([\w.]+)\$n"', SCRIPT.read_text(encoding="utf-8"))
    assert all(importlib.util.find_spec(f"{named}{hops}") for hops in (1, 2, 3))


def test_the_script_asks_for_the_suite():
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "the path of a clone" in done.stderr
