"""``farptr bench`` on real processes: small works, and ways to break them."""

import contextlib
import json
import os
import signal
import subprocess
import uuid
from pathlib import Path

import psutil
import pytest

from farptr.bench import rounds
from farptr.bench.contestants import Contestant, Failed
from farptr.bench.ending import marked
from farptr.bench.host import FOLDER_VARIABLE
from farptr.bench.peers import CONTESTANTS, FLOOR, OURS, PEERS, why_absent
from farptr.bench.rounds import measure
from farptr.bench.steps import Sizes
from farptr.bench.works import QUICK, WORKS
from tests.conftest import until
from tests.integration.commands import FARPTR, farptr, refused

TINY = QUICK._replace(rounds=1, trips=3, submits=20, ops=50, budget_s=0.01, bulk_bytes=800_000, parties=(1,))
MARK = "FARPTR_TEST_OF_BENCH"


def quiet(_):
    pass


def carrying(mark):
    """Processes that were started with that mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                process.pid != os.getpid()
                and process.environ().get(MARK) == mark
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


@pytest.fixture
def mark(monkeypatch):
    """All that is started in this test carries it; in the end nobody does."""
    value = uuid.uuid4().hex
    monkeypatch.setenv(MARK, value)
    yield value
    left = carrying(value)
    for process in left:
        process.kill()
    assert not left


@pytest.mark.parametrize("work", WORKS)
def test_each_work_on_farptr_and_the_floor(work, mark):
    table = measure([FLOOR, OURS], [work], TINY, quiet)
    assert set(table) == {work}
    for figure, of in table[work].items():
        assert set(of) == {FLOOR, OURS}
        for name, found in of.items():
            assert found.why or len(found.values) == 1, (figure, name)
            assert all(value > 0 for value in found.values), (figure, name)
            assert not found.why.startswith("failed"), (figure, name, found.why)
    assert any(of[OURS].values for of in table[work].values())


@pytest.mark.parametrize("peer", PEERS)
def test_each_peer_that_is_installed(peer, mark):
    if why := why_absent(peer):
        pytest.skip(why)
    table = measure([peer], ["W1", "W2", "W3", "W4", "W5", "W6"], TINY, quiet)
    failed = {figure: of[peer].why for figures in table.values() for figure, of in figures.items()}
    assert not [why for why in failed.values() if why.startswith("failed")], failed
    assert table["W1"]["confirmed_us"][peer].values
    assert table["W2"]["plain_per_s"][peer].values
    assert table["W5"]["pss_mb"][peer].values


def test_the_json_document(mark):
    done = farptr("bench", "--quick", "--json", "--work", "w1")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) == {"machine", "sizes", "quick", "contestants", "works", "targets"}
    assert document["quick"] is True
    assert list(document["contestants"]) == [FLOOR, OURS]
    (work,) = document["works"].values()
    confirmed = work["figures"]["confirmed_us"]
    assert (confirmed["unit"], confirmed["less_is_better"], confirmed["best_peer"]) == ("µs", True, None)
    ours = confirmed["of"][OURS]
    assert ours["least"] <= ours["median"] <= ours["greatest"]
    assert ours["rounds"] == QUICK.rounds
    assert ours["to_floor"] > 0
    assert ours["to_best_peer"] is None
    assert [target["work"] for target in document["targets"]] == ["W1", "W1"]


def test_a_work_that_is_not_there():
    error, _ = refused(2, "bench", "--work", "W1,W77")
    assert "no work W77" in error


def test_who_fails_is_reported_and_the_others_go_on(monkeypatch, mark):
    class Shy(Contestant):
        """Its floor dies in W1."""

        def ask(self, work, sizes, timeout_s):
            if (self.name, work) == (FLOOR, "W1"):
                self._process.kill()
            return super().ask(work, sizes, timeout_s)

    monkeypatch.setattr(rounds, "Contestant", Shy)
    told = []
    table = measure([FLOOR, OURS], ["W1", "W2"], TINY._replace(rounds=2), told.append)
    assert table["W1"]["confirmed_us"][FLOOR].why.startswith("failed: its process has ended")
    assert len(table["W1"]["confirmed_us"][OURS].values) == 2
    assert len(table["W2"]["best_per_s"][FLOOR].values) == 2, "it is started again for the next work"
    assert [text for text in told if "floor failed in W1" in text]


def test_who_hangs_is_ended(mark):
    contestant = Contestant(OURS)
    folder, token = contestant._folder, contestant._token
    try:
        contestant.ask("start", TINY, 30)
        os.kill(contestant._process.pid, signal.SIGSTOP)
        with pytest.raises(Failed, match=r"no answer within 0 s"):
            contestant.ask("W1", TINY, 0.1)
    finally:
        contestant.end(patient=False)
    assert not marked(token)
    assert not folder.exists()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left_when_the_one_who_measures_goes(mark, tmp_path, how, code):
    with (tmp_path / "said").open("w") as said:
        words = [*FARPTR, "bench", "--quick", "--work", "W2,W3,W4,W6"]
        bench = subprocess.Popen(words, stderr=said, stdout=subprocess.DEVNULL)
    try:
        until(lambda: "W2 round 2: farptr" in (tmp_path / "said").read_text())
        there = (process.environ().get(FOLDER_VARIABLE) for process in carrying(mark))
        folders = {Path(folder) for folder in there if folder}
        assert len(folders) == 2
        bench.send_signal(how)
        assert bench.wait(20) == code
    finally:
        bench.kill()
        bench.wait()
    until(lambda: not carrying(mark))
    until(lambda: not any(folder.exists() for folder in folders))


def test_every_contestant_has_an_adapter_and_says_how_it_works():
    assert list(CONTESTANTS)[:2] == [FLOOR, OURS]
    assert all(entry.plain and entry.best for entry in CONTESTANTS.values())
    assert Sizes().rounds >= 5, "medians of five rounds at least"
