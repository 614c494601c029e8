"""Allowed host names and origins, without a server."""

from pathlib import Path

import pytest

from mailauncher.settings import Settings
from rest.origins import Origins
from tests.support.context import settings_for

TOKEN = "correct-horse-battery-staple"


def listening(folder: Path, host: str) -> Origins:
    return Origins(settings_for(folder, host=host, token=TOKEN))


def test_the_address_it_listens_on_is_an_allowed_host(tmp_path: Path) -> None:
    assert listening(tmp_path, "192.168.1.5").host_allowed(b"192.168.1.5:23456")
    assert listening(tmp_path, "fd00::5").host_allowed(b"[fd00::5]:23456")
    assert listening(tmp_path, "bots.example").host_allowed(b"BOTS.example:1")


def test_a_wildcard_address_is_not_an_allowed_host(tmp_path: Path) -> None:
    assert not listening(tmp_path, "0.0.0.0").host_allowed(b"0.0.0.0")
    assert not listening(tmp_path, "::").host_allowed(b"[::]")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_is_allowed_wherever_the_server_listens(tmp_path: Path, host: str) -> None:
    for name in (b"localhost:23456", b"127.0.0.1", b"[::1]:1"):
        assert listening(tmp_path, host).host_allowed(name)


def test_a_host_that_is_not_allowed_is_not_an_allowed_origin_either(tmp_path: Path) -> None:
    """DNS rebinding: origin and host are equal, but neither is allowed."""
    origins = listening(tmp_path, "localhost")
    assert not origins.origin_allowed(b"http://evil.example:23456", b"evil.example:23456")


def test_the_cache_of_host_names_is_bounded(tmp_path: Path) -> None:
    origins = listening(tmp_path, "localhost")
    for number in range(2000):
        assert not origins.host_allowed(b"%d.example" % number)
    assert origins.host_allowed.cache_info().currsize <= 256  # type: ignore[attr-defined]  # functools.lru_cache


def test_an_allowed_origin_may_include_the_default_port(tmp_path: Path) -> None:
    settings: Settings = settings_for(tmp_path, allowed_origins=["https://panel.example:443/"])
    assert Origins(settings).origin_allowed(b"https://panel.example", b"localhost")
    assert not Origins(settings).origin_allowed(b"https://panel.example:80", b"localhost")
    assert not Origins(settings).origin_allowed(b"http://panel.example", b"localhost")
