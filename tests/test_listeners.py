"""Who listens on a port of this machine."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from mailauncher import listeners
from mailauncher.errors import Code, PortInUse
from tests.support.context import free_port

PLACES = {
    "loopback": (socket.AF_INET, "127.0.0.1"),
    "another loopback": (socket.AF_INET, "127.0.0.2"),
    "everywhere": (socket.AF_INET, "0.0.0.0"),
    "loopback of IPv6": (socket.AF_INET6, "::1"),
    "everywhere of IPv6": (socket.AF_INET6, "::"),
}


def listening(family: int, host: str) -> socket.socket:
    """A listener on a free port; skips the test where the machine lacks such an address."""
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server's does
    try:
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, 0))
    except OSError:
        found.close()
        pytest.skip(f"no {host} here")
    found.listen()
    return found


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(listening(*PLACES["loopback"])) as found:
        yield found


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_listener_takes_the_port_on_whichever_address(place: tuple[int, str]) -> None:
    with closing(listening(*place)) as found:
        assert listeners.is_taken(port_of(found))


def test_a_port_on_which_nothing_listens_is_free() -> None:
    assert not listeners.is_taken(free_port())


def test_checking_a_port_does_not_occupy_it() -> None:
    port = free_port()
    assert [listeners.is_taken(port) for _ in range(3)] == [False, False, False]


def test_a_listener_that_has_closed_leaves_the_port_free(listener: socket.socket) -> None:
    port = port_of(listener)
    listener.close()
    assert not listeners.is_taken(port)


def test_connections_in_time_wait_do_not_occupy_the_port(listener: socket.socket) -> None:
    """After a bot with clients has ended, its port is held by the leftovers of their connections for a minute."""
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)) as client:
        served, _ = listener.accept()
        served.close()  # the side that closes first waits
        listener.close()
        client.recv(1)
    assert not listeners.is_taken(port)


def test_what_leaves_the_port_while_it_is_looked_at_has_left_it(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counted as taken by another process, which nobody could find."""
    asked = psutil.net_connections

    def late(kind: str) -> object:
        listener.close()
        return asked(kind)

    monkeypatch.setattr(psutil, "net_connections", late)
    assert listeners.use_of(listener.getsockname()[1]) is listeners.Use.FREE


def test_a_port_that_is_bound_and_not_listened_on_is_taken() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert listeners.use_of(bound.getsockname()[1]) is listeners.Use.TAKEN


async def test_a_free_port_is_accepted() -> None:
    await listeners.require_free(free_port())


async def test_port_0_is_accepted() -> None:
    await listeners.require_free(0)


async def test_a_taken_port_is_refused_with_the_process_that_has_it(listener: socket.socket) -> None:
    with pytest.raises(PortInUse) as caught:
        await listeners.require_free(port_of(listener))
    error = caught.value
    assert (error.code, error.field) == (Code.PORT_IN_USE, "port")
    for text in error.text:
        assert str(port_of(listener)) in text
        assert f"pid {os.getpid()}" in text
        assert psutil.Process().name() in text


async def test_where_the_system_does_not_say_who_it_is_the_port_is_still_refused(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", forbidden)
    with pytest.raises(PortInUse) as caught:
        await listeners.require_free(port_of(listener))
    assert "pid" not in caught.value.text.en


def test_a_listener_is_named_by_pid_and_name(listener: socket.socket) -> None:
    assert listeners.listener(port_of(listener)) == (os.getpid(), psutil.Process().name())


def test_only_where_all_who_listen_are_known_and_others_a_program_does_not(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, me, another = port_of(listener), os.getpid(), os.getppid()
    assert listeners.is_served_by(port, {me, another})
    assert not listeners.is_served_by(port, {another})
    assert listeners.is_served_by(free_port(), {another})  # as in another network namespace
    monkeypatch.setattr(listeners, "_FORWARDERS", (psutil.Process().name(),))
    assert listeners.is_served_by(port, {another})


def test_nobody_listens_on_a_free_port() -> None:
    assert listeners.listener(free_port()) is None


def test_a_connected_client_is_not_a_listener(listener: socket.socket) -> None:
    with socket.create_connection(("127.0.0.1", port_of(listener))) as client:
        assert listeners.listener(client.getsockname()[1]) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such ports")
def test_a_privileged_port_does_not_count_as_taken() -> None:
    assert not listeners.is_taken(7)
