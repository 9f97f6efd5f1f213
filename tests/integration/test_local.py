"""A run on one machine: what others can reach of it, by the kernel's own tables (docs/threat-model.md)."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

import farptr as fp
from farptr.launch.alone import serve_broker
from farptr.protocol import body as bodies
from farptr.protocol.header import Header, Kind, encode, read
from tests.behaviour.far import sent
from tests.conftest import pids_of, until
from tests.integration.test_runs import path_of, raw_peer

TABLES = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")
proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc/net here")


def inodes(pid):
    """The sockets that a process has open."""
    links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    return {int(link[8:-1]) for link in links if link.startswith("socket:[")}


def on_the_network():
    """Every socket of this machine that a network could reach, by inode."""
    found = set()
    for table in TABLES:
        path = Path(f"/proc/net/{table}")
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        found |= {int(row.split()[9]) for row in rows}
    return found


@proc
def test_no_process_of_a_run_has_a_socket_on_the_network():
    with fp.up("julie", "toby") as run:
        sent([1], tuple(run)).get()
        held = {pid: inodes(pid) for pid in pids_of(run)}
        assert all(held.values()), "each has sockets, so the table could show some"
        assert not set.union(*held.values()) & on_the_network()


@proc
def test_the_table_would_show_one():
    with socket.create_server(("127.0.0.1", 0)):
        assert inodes(os.getpid()) & on_the_network()


def test_what_a_run_keeps_on_disk_is_its_owners_alone():
    with fp.up("julie", name="clinic") as run:
        directory = path_of(run).parent
        assert stat.S_IMODE(directory.lstat().st_mode) == 0o700
        files = list(directory.rglob("*"))
        assert {"s", "c", "run.json", "logs"} <= {file.name for file in files}
        for file in [*files, directory.with_name("clinic.lock")]:
            found = file.lstat()
            assert found.st_uid == os.geteuid(), file
            assert not stat.S_ISLNK(found.st_mode), file
        for name in ("run.json", "../clinic.lock"):
            assert stat.S_IMODE((directory / name).stat().st_mode) & 0o077 == 0, name


def test_a_peer_is_the_process_that_the_kernel_says(processes):
    """Whatever pid and host it names: else the broker would watch somebody else, or nobody."""
    run = processes("julie")
    for said in (1, pids_of(run)[1], -5, 2**70, None, "x"):
        body = bodies.dumps({"role": "client", "name": "me", "pid": said, "host": "here"})
        with raw_peer(run._running.info.address) as dealer:
            dealer.send(encode(Header(Kind.HELLO, body_bytes=len(body))) + body)
            assert dealer.poll(5000), "no answer"
            header, _ = read(dealer.recv())
            assert header.kind == Kind.WELCOME
            rows = run._session.ask_broker("parties")
            assert [row[3:5] for row in rows if row[0] == header.destination] == [(os.getpid(), socket.gethostname())]
            dealer.send(encode(Header(Kind.BYE, epoch=header.epoch)))
            until(lambda number=header.destination: number not in [r[0] for r in run._session.ask_broker("parties")])
    assert sent([1], tuple(run)).get().tolist() == [1]


def test_a_second_broker_is_refused_and_the_first_one_serves_on():
    def never(info):
        raise AssertionError("a second broker serves")

    with fp.up("julie", name="clinic") as run:
        with pytest.raises(fp.RunExists, match="a run called 'clinic' is up"):
            serve_broker("clinic", on_ready=never)
        with pytest.raises(fp.RunExists, match="something listens at"):
            serve_broker("other", address=run._running.info.address, on_ready=never)
        assert sent([1], tuple(run)).get().tolist() == [1]
        with fp.connect("clinic") as other:
            assert [worker.name for worker in other] == ["julie"]
