"""The sockets on which a server listens, and errors when it cannot."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailauncher.errors import InvalidParameter, LauncherError, PermissionDenied, PortInUse
from server import serving
from tests.support.context import free_port, settings_for


@contextmanager
def listening(folder: Path, host: str, port: int | None = None) -> Iterator[list[tuple[object, ...]]]:
    found = serving.listeners(settings_for(folder, host=host, port=port or free_port()))
    try:
        yield [listener.getsockname()[:2] for listener in found]
    finally:
        for listener in found:
            listener.close()


@pytest.fixture
def without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose loopback interface has no ::1."""
    listen = serving._listen

    def only_ipv4(address: str, port: int) -> socket.socket:
        if ":" in address:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return listen(address, port)

    monkeypatch.setattr(serving, "_listen", only_ipv4)


@pytest.mark.usefixtures("without_ipv6")
def test_localhost_works_without_ipv6(tmp_path: Path) -> None:
    port = free_port()
    with listening(tmp_path, "localhost", port) as addresses:
        assert addresses == [("127.0.0.1", port)]


@pytest.mark.usefixtures("without_ipv6")
def test_an_ipv6_address_without_ipv6_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter), listening(tmp_path, "::1"):
        pass


def test_a_port_in_use_in_one_family_is_an_error_and_the_other_is_released(tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortInUse) as caught,
        listening(tmp_path, "localhost", port),
    ):
        pass
    assert f"pid {os.getpid()}" in caught.value.text.en
    with listening(tmp_path, "localhost", port):
        pass


def test_a_released_port_can_be_bound_immediately(tmp_path: Path) -> None:
    """Connections of the previous server in TIME_WAIT do not block the port."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as former, socket.create_connection(("127.0.0.1", port)):
        former.accept()[0].close()
    with listening(tmp_path, "127.0.0.1", port):
        pass


@pytest.mark.parametrize(
    "number, kind",
    [
        (errno.EACCES, PermissionDenied),
        (errno.EADDRNOTAVAIL, InvalidParameter),
        (errno.EADDRINUSE, PortInUse),
    ],
)
def test_each_failure_to_listen_has_its_code(number: int, kind: type[LauncherError]) -> None:
    error = serving._listen_error("127.0.0.1", 1, OSError(number, os.strerror(number)), "port", "--port")
    assert type(error) is kind
    assert "127.0.0.1:1" in error.text.zh
