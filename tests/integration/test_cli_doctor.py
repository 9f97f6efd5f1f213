"""``farptr doctor``."""

from __future__ import annotations

import json
import subprocess

from farptr.launch.rundir import find
from tests.integration.commands import FARPTR, farptr, ok

NAMES = [
    "Python", "NumPy", "pyzmq", "libzmq", "runtime directory", "socket path", "open files", "processes",
    "shared memory", "stale runs", "round trip",
]  # fmt: skip


def test_a_machine_that_is_well(base):
    ok("up", "julie", "-d")
    lines = ok("doctor").splitlines()
    assert lines[-1] == "all is well"
    assert [line for line in lines if line.startswith("bad")] == []
    assert "µs" in lines[-2]
    assert list(find("default").workers) == ["julie"], "other runs are left alone"
    assert sorted(path.name for path in base.iterdir()) == ["default", "default.lock"]


def test_json(base):
    document = json.loads(ok("doctor", "--json"))
    assert document["well"] is True
    assert [check["name"] for check in document["checks"]] == NAMES
    assert {key for check in document["checks"] for key in check} == {"name", "state", "found", "to_do"}


def test_a_directory_of_the_wrong_mode_is_9(base):
    base.chmod(0o755)
    done = farptr("doctor")
    base.chmod(0o700)
    assert (done.returncode, done.stderr) == (9, "")
    assert f"do: chmod 700 {base}" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("to put right: runtime directory, ")


def test_a_limit_on_files_is_found(base):
    # In a shell of its own: the process of the tests may have more than that open already.
    limited = ["sh", "-c", 'ulimit -n 100 && exec "$@"', "sh", *FARPTR, "doctor", "--json"]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (9, "")
    document = json.loads(done.stdout)
    assert document["well"] is False
    found = {check["name"]: check for check in document["checks"]}
    assert found["open files"]["state"] == "bad"
    assert found["open files"]["to_do"].startswith("ulimit -n ")
    assert found["round trip"]["state"] == "ok"
