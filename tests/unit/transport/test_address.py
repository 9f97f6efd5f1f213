"""Which addresses are any."""

import pytest

from farptr.protocol.errors import NoRun, UsageError
from farptr.transport.address import check_address, check_bind, is_tcp


@pytest.mark.parametrize("address", ["tcp://192.0.2.7:7600", "tcp://a.example:1", "tcp://[::1]:65535"])
def test_addresses_to_join_and_to_listen_at(address):
    assert check_address(address) == check_bind(address) == address
    assert is_tcp(address)


@pytest.mark.parametrize("address", ["tcp://*:7600", "tcp://127.0.0.1:*", "tcp://*:*"])
def test_any_host_or_port_is_for_listening(address):
    assert check_bind(address) == address
    with pytest.raises(NoRun):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    ["tcp://", "tcp://h", "tcp://h:", "tcp://h:0", "tcp://h:65536", "tcp://h:1;x", "tcp://h:1 ", "tcp://a b:1"],
)
def test_what_is_none(address):
    with pytest.raises(UsageError):
        check_bind(address)
    with pytest.raises(NoRun):
        check_address(address)


def test_nothing_but_tcp_is_for_other_machines():
    with pytest.raises(UsageError):
        check_bind("ipc:///tmp/x")
    assert not is_tcp("ipc:///tmp/x")
