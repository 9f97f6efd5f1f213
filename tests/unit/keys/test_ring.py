"""Key files and the ring: who has a key, and who can read it."""

import json
import os
import stat

import pytest

from farptr.keys.files import CLIENT, VARIABLE, WORKER, load, new_key, to_fields, write_private
from farptr.keys.ring import Ring
from farptr.protocol.errors import BadName, UnusableKey


@pytest.fixture
def ring(tmp_path):
    return Ring(tmp_path / "ring")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_file_is_its_owners_alone_whatever_the_umask(ring):
    before = os.umask(0)
    try:
        file = ring.new("julie")
    finally:
        os.umask(before)
    assert mode(file) == 0o600
    assert {mode(path) for path in ring.path.rglob("*.json")} == {0o600}
    assert mode(ring.path / "broker.key") == 0o600
    assert mode(ring.path) == mode(ring.path / "allowed") == 0o700


def test_it_is_so_from_its_first_byte_on(ring, monkeypatch):
    """A file that is closed to others only later could have been read before."""
    modes = []
    opened = os.open

    def watched(path, flags, *rest, **how):
        fd = opened(path, flags, *rest, **how)
        if flags & os.O_CREAT:
            modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        return fd

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        ring.new("julie")
    finally:
        os.umask(before)
    assert modes
    assert set(modes) == {0o600}


def test_what_is_made_is_what_is_loaded(ring, monkeypatch):
    file = ring.new("julie")
    key = load(file)
    assert (key.name, key.role, key.server) == ("julie", WORKER, ring.server().public)
    monkeypatch.setenv(VARIABLE, str(file))
    assert load(None) == key
    assert key.secret not in repr(key)


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620, 0o602, 0o644, 0o660])
def test_a_file_that_others_can_read_or_change_is_refused(ring, open_to):
    file = ring.new("julie")
    file.chmod(open_to)
    with pytest.raises(UnusableKey, match=f"has mode {open_to:04o}") as caught:
        load(file)
    assert caught.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize("text", ["", "{}", "[]", "no", '{"name": "julie"}', "x" * 10_000])
def test_what_is_no_key_is_refused(tmp_path, text):
    file = tmp_path / "julie.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(UnusableKey, match="is no key file"):
        load(file)


@pytest.mark.parametrize("field", ["public", "secret", "server", "role"])
def test_a_part_that_is_wrong_makes_it_none(tmp_path, field):
    file = tmp_path / "julie.key"
    write_private(file, to_fields(new_key("julie", WORKER)) | {field: "x" * 39 + '"'})
    with pytest.raises(UnusableKey, match="is no key file"):
        load(file)


def test_no_file_a_directory_or_another_users(tmp_path):
    with pytest.raises(UnusableKey, match="No such file"):
        load(tmp_path / "none")
    with pytest.raises(UnusableKey):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(ring):
    file = ring.new("julie")
    os.chown(file, 12345, -1)
    with pytest.raises(UnusableKey, match="belongs to user 12345"):
        load(file)


def test_a_name_has_one_key(ring):
    first = load(ring.new("julie"))
    with pytest.raises(BadName, match="julie has a key already"):
        ring.new("julie")
    assert [holder.public for holder in ring.holders()] == [first.public]
    second = load(ring.new("julie", replace=True))
    assert [holder.public for holder in ring.holders()] == [second.public]
    assert ring.holder_of(first.public) is None
    assert ring.holder_of(second.public).name == "julie"


def test_revoked_is_gone_with_its_file(ring):
    key = load(file := ring.new("julie"))
    ring.new("ana", CLIENT)
    ring.revoke("julie")
    assert not file.exists()
    assert ring.holder_of(key.public) is None
    assert [(holder.name, holder.role) for holder in ring.holders()] == [("ana", CLIENT)]
    with pytest.raises(BadName, match="julie has no key"):
        ring.revoke("julie")


@pytest.mark.parametrize("name", ["../toby", "broker", "me", "", "a/b", "7"])
def test_names_are_those_of_workers(ring, name):
    with pytest.raises(BadName):
        ring.new(name)
    with pytest.raises(BadName):
        ring.revoke(name)
    assert list(ring.holders()) == []


def test_a_file_that_is_there_is_not_written_over(ring, tmp_path):
    there = tmp_path / "precious"
    there.write_text("mine")
    with pytest.raises(UnusableKey, match="is there already"):
        ring.new("julie", file=there)
    assert there.read_text() == "mine"
    assert list(ring.holders()) == []
    assert not list(tmp_path.glob(".*"))


def test_what_others_can_change_lets_nobody_in(ring):
    key = load(ring.new("julie"))
    entry = ring.path / "allowed" / "julie.json"
    entry.chmod(0o622)
    assert ring.holder_of(key.public) is None
    entry.chmod(0o600)
    assert ring.holder_of(key.public).name == "julie"
    ring.path.chmod(0o777)
    assert ring.holder_of(key.public) is None


def test_an_entry_is_for_the_name_that_it_is_called_by(ring):
    """Who can only move files about makes no julie of toby."""
    ring.new("julie")
    allowed = ring.path / "allowed"
    (allowed / "julie.json").rename(allowed / "toby.json")
    assert list(ring.holders()) == []


def test_a_ring_without_keys_can_let_nobody_in(ring):
    with pytest.raises(UnusableKey, match="nobody has a key"):
        ring.check_ready()
    ring.new("julie")
    ring.check_ready()


def test_listing_makes_nothing(ring):
    assert list(ring.holders()) == []
    assert not ring.path.exists()


def test_a_secret_is_in_no_listing(ring):
    key = load(ring.new("julie"))
    assert key.secret not in repr(list(ring.holders()))
    assert key.secret not in json.dumps([holder._asdict() for holder in ring.holders()])
