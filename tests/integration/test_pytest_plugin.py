"""The pytest plugin as its users have it: suites in processes of their own, found by the entry point.

Every test here is a leak test: when its suite is over, however it ended, no process and no file of a run is left.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.conftest import _processes_with, until

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "pytest.md"
TIMEOUT_S = 60


@pytest.fixture
def runs(monkeypatch):
    """A runtime directory for one suite, which must be empty when the suite is over."""
    path = Path(tempfile.mkdtemp(prefix="fp-", dir="/tmp"))
    monkeypatch.setenv("FARPTR_RUNTIME_DIR", str(path))
    yield path
    try:
        until(lambda: not _processes_with(path))
        # What a killed suite leaves is removed by its supervisors; they are gone now.
        assert not list(path.iterdir())
    finally:
        for pid in _processes_with(path):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path)


@pytest.fixture
def suite(pytester, runs):
    """Write a test module and run it: ``suite(source, *options)`` gives the outcome."""

    def run(source, *options, **files):
        for name, text in {"test_it": source, **files}.items():
            pytester.path.joinpath(f"{name}.py").write_text(f"import farptr as fp, pytest, os\n{text}")
        return pytester.runpytest_subprocess(*options, timeout=TIMEOUT_S)

    return run


def test_the_plugin_is_an_entry_point():
    found = [point for point in entry_points(group="pytest11") if point.name == "farptr"]
    assert [point.value for point in found] == ["farptr.testing.plugin"], (
        "install farptr again: pip install -e '.[dev]'"
    )


# ---------------------------------------------------------------- choosing a run


CHOOSING = """
import numpy as np

def names(run):
    return [worker.name for worker in run]

def test_two_workers(cluster):
    julie, toby = cluster
    assert names(cluster) == ["julie", "toby"]
    assert (fp.tensor([1, 2]).send(julie) * 2).get().tolist() == [2, 4]

@pytest.mark.farptr("alice", "bob", "carol", sync=True, timeout=7)
def test_names_and_options(cluster):
    assert names(cluster) == ["alice", "bob", "carol"]
    assert cluster._session.sync_mode
    assert cluster.timeout == 7

@pytest.mark.farptr(3)
class TestCount:
    def test_of_the_class(self, cluster):
        assert names(cluster) == ["w1", "w2", "w3"]

    @pytest.mark.farptr("nearer")
    def test_nearest_marker(self, cluster):
        assert names(cluster) == ["nearer"]

seen = set()

@pytest.mark.farptr("a", seed=7)
@pytest.mark.parametrize("time", [1, 2])
def test_seed(cluster, time):
    seen.add(fp.tensor([1]).send(cluster[0]).id_at_location)
    assert len(seen) == 1

@pytest.mark.parametrize("cluster", [1, "solo", ("x", "y")], indirect=True)
def test_parametrised(cluster, request):
    assert names(cluster) == {0: ["w1"], 1: ["solo"], 2: ["x", "y"]}[request.node.callspec.indices["cluster"]]

@pytest.mark.farptr({"julie": "data/shard.npz"}, "toby")
def test_data_beside_the_test_file(cluster):
    assert cluster["julie"]["x"].get().tolist() == [1, 2]
    assert names(cluster) == ["julie", "toby"]
"""


def test_marker_and_parameters_choose_the_run(suite, pytester):
    import numpy as np

    folder = pytester.mkdir("sub")
    (folder / "data").mkdir()
    np.savez(folder / "data" / "shard.npz", x=np.array([1, 2]))
    (folder / "test_choosing.py").write_text("import farptr as fp, pytest\n" + CHOOSING)
    done = pytester.runpytest_subprocess("--strict-markers", "-W", "error", "sub", timeout=TIMEOUT_S)
    done.assert_outcomes(passed=10)
    # Where runs are shared, one with data or a seed is the test's own all the same.
    options = ["-o", "farptr_shared=true", "-k", "two_workers or seed or data"]
    done = pytester.runpytest_subprocess("sub", *options, timeout=TIMEOUT_S)
    done.assert_outcomes(passed=4, deselected=6)


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("'a', snyc=True", "UsageError: the marker farptr has no option 'snyc'"),
        ("'a', shared=True, seed=1", "UsageError: a run with data or a seed of its own cannot be shared"),
        ("'a b'", "BadName: 'a b' is not a legal name for a worker"),
        ("{'a': 'none.npz'}", "LoadFailed: *none.npz*"),
    ],
)
def test_a_wrong_marker_says_so_in_a_line(suite, marker, says):
    done = suite(f"@pytest.mark.farptr({marker})\ndef test_it(cluster): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"the run for this test could not start: {says}"])
    done.stdout.no_fnmatch_line("*plugin.py*")


def test_a_wrong_setting_says_so(suite):
    done = suite("def test_it(): pass", "-o", "farptr_leaks=maybe")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: farptr_leaks is one of close, allow, not 'maybe'"])


# ---------------------------------------------------------------- isolation


def test_each_test_has_its_own_processes(suite):
    done = suite(
        """
        pids = set()

        @pytest.mark.parametrize("n", range(2))
        def test_it(cluster, n):
            assert not pids & set(cluster.pids.values())
            pids.update(cluster.pids.values())
            assert all(worker.count() == 0 for worker in cluster)
            fp.tensor([1]).send(cluster[0], garbage_collect_data=False)
    """.replace("\n        ", "\n")
    )
    done.assert_outcomes(passed=2)


SHARED = """
import signal
pytestmark = pytest.mark.farptr("julie", "toby", shared=True)
pids, kept, others = {}, [], []

def test_1_leaves_much_behind(cluster):
    julie, toby = cluster
    pids.update(cluster.pids)
    kept.append(fp.tensor([1]).send(julie))
    kept.append(fp.tensor([2]).send(toby, garbage_collect_data=False).send(julie))
    others.append(fp.connect(cluster.name))
    kept.append(fp.tensor([1]).send(others[0]["julie"]))
    os.environ["FARPTR_SYNC"] = "1"

def test_2_finds_nothing_of_it(cluster):
    del os.environ["FARPTR_SYNC"]
    assert cluster.pids == pids
    assert [worker.count() for worker in cluster] == [0, 0]
    for pointer in kept:
        with pytest.raises(fp.SessionClosed):
            pointer.get()
    with pytest.raises(fp.SessionClosed, match="the test that opened this run is over"):
        others[0].sync()

def test_3_closes_it_itself(cluster):
    assert not cluster._session.sync_mode
    cluster.close()

def test_4_kills_a_worker(cluster):
    os.kill(cluster.pids["toby"], signal.SIGKILL)
    with pytest.raises(fp.WorkerLost):
        (fp.tensor([1]).send(cluster["toby"])).get()

def test_5_has_both(cluster):
    assert [worker.name for worker in cluster] == ["julie", "toby"]
    assert not set(cluster.pids.values()) & set(pids.values())
    pids.update(cluster.pids)

def test_6_fails(cluster):
    assert cluster.pids == pids
    assert 0

def test_7_has_new_processes(cluster):
    assert not set(cluster.pids.values()) & set(pids.values())

@pytest.mark.farptr("toby", "julie", shared=True)
def test_8_other_names_are_other_processes(cluster):
    assert [worker.name for worker in cluster] == ["toby", "julie"]

@pytest.mark.farptr("julie", "toby", shared=False)
def test_9_own_processes(cluster):
    assert not set(cluster.pids.values()) & set(pids.values())
"""


def test_shared_processes_come_with_a_clean_state(suite):
    done = suite(SHARED)
    done.assert_outcomes(passed=8, failed=1, warnings=1)
    done.stdout.fnmatch_lines(["*RunLeftOpen: test_it.py::test_1_leaves_much_behind left*", "*test_6_fails - assert 0"])
    done.stdout.no_fnmatch_line("*(run *")  # the plugin's own client is in no report


def test_a_failure_that_nobody_saw_fails_the_test(suite):
    done = suite("""
def test_it(cluster):
    x = fp.tensor([1, 2, 3]).send(cluster[0])
    x += fp.tensor([1, 2]).send(cluster[0])
""")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(
        ["the test did not see that this failed: ValueError: operands *test_it.py:5]", "*farptr: last envelopes*"]
    )
    done.stdout.no_fnmatch_line("*plugin.py*")


def test_sync_is_for_one_test_and_for_all_its_runs(suite):
    done = suite(
        """
@pytest.fixture(scope="module")
def late():
    with fp.up("late") as run:
        yield run

@pytest.fixture(scope="module")
def early():
    with fp.up("early") as run:
        yield run

def wrong(run):
    return fp.tensor([1, 2, 3]).send(run[0]), fp.tensor([1, 2]).send(run[0])

def test_before(early):
    x, y = wrong(early)
    z = x + y
    with pytest.raises(fp.RemoteError):
        z.get()

def test_sync(early, cluster, farptr_sync, late):
    with fp.up("own") as own, fp.connect(own._running.info.address, sync=False) as joined:
        for run in (early, cluster, late, own, joined):
            x, y = wrong(run)
            with pytest.raises(fp.RemoteError):
                x + y

def test_after(early, late, cluster):
    for run in (early, late, cluster):
        assert not run._session.sync_mode
    test_before(early)
""",
        "-W",
        "error",
    )
    done.assert_outcomes(passed=3)


# ---------------------------------------------------------------- the report


def test_a_failed_test_shows_envelopes_and_logs(suite):
    done = suite("""
def test_it(cluster):
    julie, toby = cluster
    x = fp.tensor([314159, 2, 3]).send(julie).move(toby)
    y = x + 3
    assert y.get() is None
""")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "*- farptr: last envelopes -*",
            "*me -> julie: command #1 (* bytes of data)",
            "*send int64 array of shape (3,) as julie:*",
            "*move julie:* to toby:*",
            "*add(toby:*, 3) -> toby:*",
            "*get toby:*",
            "*toby -> me: reply *",
            "*int64 array of shape (3,)",
            "*- farptr: log of broker -*",
            "worker julie (*) joined*",
            "*- farptr: log of julie -*",
            "joined run *",
            "*- farptr: log of toby -*",
            "joined run *",
        ]
    )
    report = done.stdout.str().partition("farptr: last envelopes")[2]
    assert "314159" not in report  # data is described, not shown


def test_so_does_one_that_started_its_runs_itself(suite):
    """With the run closed by the time of the report, and for each of several runs."""
    done = suite("""
def test_it():
    with fp.up("alice") as one, fp.up("bob") as two:
        fp.tensor([1]).send(one[0]).get()
        os.kill(two.pids["bob"], 9)
        fp.tensor([1]).send(two[0]).get()
""")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([
        "*farptr: last envelopes (run p-*", "*get alice:*", "*farptr: log of alice (run p-*", "joined run*",
        "*farptr: last envelopes (run p-*", "*broker -> me: roster*", "*worker bob is gone", "*me -> broker: bye*",
        "*farptr: log of broker (run p-*", "*killed by signal 9*",
    ])  # fmt: skip


def test_the_report_is_bounded_and_about_this_test(suite):
    done = suite("""
@pytest.fixture(scope="module")
def sim():
    with fp.up("alice") as run, fp.up("idle") as idle:
        yield run

def test_before(sim):
    before = fp.tensor([1, 2, 3, 4, 5]).send(sim[0]).get()
    print("noise")

def test_it(sim):
    with open(sim._running.info.directory / "logs" / "alice.log", "a") as file:
        file.writelines(f"line {i} {'x' * 10_000}\\n" for i in range(100))
    for i in range(100):
        fp.tensor([i] * 100_000).send(sim[0])
        x = fp.tensor([1]).send(sim[0])
        for _ in range(300):
            x = x + 1
        x.get()
    assert 0
""")
    done.assert_outcomes(passed=1, failed=1)
    text = done.stdout.str()
    envelopes, _, log = text.partition("farptr: last envelopes")[2].partition("farptr: log of alice")
    assert 20 < len(re.findall(r"^ +\d+\.\d{3} s  ", envelopes, re.M)) <= 30
    assert "more)" in envelopes
    assert "shape (5,)" not in envelopes
    assert "joined" not in log
    assert "line 99" in log
    assert len(envelopes) < 30_000
    assert len(log) < 6_000
    assert max(map(len, text.splitlines())) <= 200
    assert "idle" not in text.partition("farptr: last envelopes")[2]


# ---------------------------------------------------------------- leaks


LEAKS = """
held = []

@pytest.fixture(scope="module")
def sim():
    return fp.up("module")  # never closed: ends with the suite

@pytest.fixture
def own():
    return fp.up("own")

def test_drops(sim):
    run = fp.up("dropped")

def test_keeps(sim):
    held.append(fp.up("kept"))

def test_fixture(own):
    held.append(own)

def test_closed():
    run = fp.up("closed")
    run.close()
    with fp.up("block"):
        pass

def test_what_was_left(sim):
    assert len(sim) == 1
    for run in held:
        with pytest.raises(fp.SessionClosed, match="the test that opened this run is over"):
            run.sync()

def test_fails():
    held.append(fp.up("failing"))
    assert 0
"""


def test_a_run_left_open_is_closed_and_the_test_named(suite):
    done = suite(LEAKS)
    done.assert_outcomes(passed=5, failed=1, warnings=3)
    for name in ("test_drops", "test_keeps", "test_fixture"):
        done.stdout.fnmatch_lines([f"*RunLeftOpen: test_it.py::{name} left open: p-*"])


def test_a_leak_can_be_an_error(suite):
    done = suite(LEAKS, "-W", "error::farptr.testing.RunLeftOpen")
    done.assert_outcomes(passed=5, failed=1, errors=3)


def test_a_suite_may_keep_runs(suite):
    done = suite(
        """
import functools
run_of = functools.lru_cache(fp.up)

@pytest.mark.parametrize("n", range(2))
def test_it(n):
    assert len(run_of("alice")) == 1
    run_of("alice").sync()
    assert run_of.cache_info().misses == 1
""",
        "-o",
        "farptr_leaks=allow",
        "-W",
        "error",
    )
    done.assert_outcomes(passed=2)


# ---------------------------------------------------------------- ends of all kinds


def test_a_command_that_has_not_left_yet_is_shown(suite):
    done = suite("""
def test_fails(cluster, monkeypatch):
    monkeypatch.setattr("farptr.client.flushing.FlushTimer._flush_if_left", lambda *_: False)
    kept = fp.tensor([1]).send(cluster[0])
    assert 0
""")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*farptr: last envelopes*", "*send int64 array*"])


def test_xdist(suite, pytester):
    done = suite(
        """
import json, pathlib

@pytest.mark.farptr("julie", shared=True)
@pytest.mark.parametrize("n", range(6))
def test_it(cluster, n, worker_id):
    assert cluster[0].count() == 0
    pointer = fp.tensor([n]).send(cluster[0], garbage_collect_data=False)
    pathlib.Path(f"pid-{n}").write_text(f"{worker_id} {cluster.pids['julie']}")
    assert pointer.copy().get() == n

def test_fails(cluster):
    fp.tensor([1]).send(cluster[0])
    assert 0

def test_leaks():
    run = fp.up("a")
""",
        "-n",
        "2",
    )
    done.assert_outcomes(passed=7, failed=1, warnings=1)
    done.stdout.fnmatch_lines(["*farptr: last envelopes*", "*send int64 array*", "*farptr: log of julie*"])
    pids = {}
    for path in pytester.path.glob("pid-*"):
        worker, pid = path.read_text().split()
        pids.setdefault(worker, set()).add(pid)
    assert len(pids) == 2
    assert all(len(found) == 1 for found in pids.values())
    assert len(set.union(*pids.values())) == 2


def test_the_first_failure_ends_it(suite):
    done = suite("def test_it(cluster): assert 0\ndef test_never(cluster): pass", "-x")
    done.assert_outcomes(failed=1)


HANGING = """
import time

def test_hangs(cluster):
    with fp.up("another") as run:
        time.sleep(60)

def test_next(cluster):
    cluster.sync()
"""


def test_a_timeout(suite):
    soon = "signal.setitimer(signal.ITIMER_REAL, 0.2); time.sleep"  # the plugin's own timer: all is up by then
    done = suite("import signal\n" + HANGING.replace("time.sleep", soon), "--timeout=60", "--timeout-method=signal")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*farptr: log of another*"])


def test_a_timeout_that_ends_the_process(suite):
    done = suite(HANGING, "--timeout=2", "--timeout-method=thread")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*+ Timeout +*"])


@pytest.mark.parametrize("shared", [False, True])
def test_a_crash(suite, shared):
    done = suite(
        """
def test_crashes(cluster):
    held = fp.up("another")
    os.abort()
""",
        "-o",
        f"farptr_shared={shared}",
        "-p",
        "no:faulthandler",
    )
    assert done.ret == -signal.SIGABRT


def test_a_crash_under_xdist(suite):
    done = suite("def test_crashes(cluster): os._exit(3)\ndef test_next(cluster): cluster.sync()", "-n", "1")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*crashed while running*test_crashes*"])


def test_an_interrupt(pytester, runs):
    pytester.makepyfile(
        f"import farptr as fp, pathlib\n{HANGING}".replace("time.sleep", "pathlib.Path('up').touch(); time.sleep")
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest"],
        cwd=pytester.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        until((pytester.path / "up").exists, patience_s=TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert b"KeyboardInterrupt" in out
    assert b"Traceback" not in out


# ---------------------------------------------------------------- whom it does not concern


def test_a_suite_without_farptr_pays_nothing(pytester, runs):
    pytester.makepyfile("""
        import sys, pytest

        def test_light():
            assert "farptr.testing.plugin" in sys.modules
            assert not {"numpy", "zmq", "farptr.client.run", "farptr.testing.watch"} & set(sys.modules)

        @pytest.fixture
        def broken():
            raise ValueError("theirs")

        def test_error(broken):
            pass
    """)
    done = pytester.runpytest_subprocess("-p", "no:hypothesispytest", timeout=TIMEOUT_S)
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.no_fnmatch_line("*plugin.py*")
    done.stdout.no_fnmatch_line("*farptr: *")


def test_a_fixture_of_the_suite_comes_first(suite):
    done = suite("def test_it(cluster): assert cluster == 1", conftest="@pytest.fixture\ndef cluster(): return 1")
    done.assert_outcomes(passed=1)


def test_farptr_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None; import farptr, farptr.testing; farptr.up, farptr.testing.RunLeftOpen"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIMEOUT_S)


# ---------------------------------------------------------------- the page

OUTCOMES = {
    "test_sums.py": {"passed": 1},
    "test_choice.py": {"passed": 5},
    "test_lines.py": {"passed": 1},
    "test_module.py": {"passed": 2},
    "test_failing.py": {"failed": 1},
    "test_private.py": {"passed": 1},
}
NUMBERS = re.compile(r"\b\d{11}\b")
"""Object ids differ from run to run."""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_page_has_the_snippets_that_are_run():
    assert [text.split()[1] for text in blocks("python")] == [*OUTCOMES]


def test_the_snippets_do_what_the_page_says(pytester, runs):
    import numpy as np

    (pytester.path / "data").mkdir()
    np.savez(pytester.path / "data" / "patients.npz", ages=np.array([40, 60]))
    for text in blocks("python"):
        (pytester.path / text.split()[1]).write_text(text)
    total = {kind: sum(o.get(kind, 0) for o in OUTCOMES.values()) for kind in ("passed", "failed")}
    for settings in blocks("ini"):  # the last two as they stand, and the defaults
        (pytester.path / "pytest.ini").write_text(settings)
        pytester.runpytest_subprocess("-W", "error", timeout=TIMEOUT_S).assert_outcomes(**total)
    (pytester.path / "pytest.ini").unlink()
    done = pytester.runpytest_subprocess(timeout=TIMEOUT_S)
    done.assert_outcomes(**total)
    (shown,) = blocks("text")
    # How commands are gathered into envelopes, and who joins first, is a matter of time: the rest must be there.
    ours = NUMBERS.sub("N", done.stdout.str()).splitlines()
    stable = [line for line in NUMBERS.sub("N", shown).splitlines() if line.startswith((" " * 12, "-" * 12))]
    assert len(stable) == 7
    assert set(stable) <= set(ours)


def test_without_sync_the_line_raises_nothing(pytester, runs):
    """The page's comment says so; the test then fails, because nothing was raised."""
    text = next(text for text in blocks("python") if "farptr_sync" in text)
    pytester.makepyfile(text.replace(", farptr_sync", ""))
    done = pytester.runpytest_subprocess(timeout=TIMEOUT_S)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*DID NOT RAISE*ValueError*"])
