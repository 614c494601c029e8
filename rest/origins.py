"""Allowed host names and origins."""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

from mailauncher.settings import Settings

TAURI = frozenset({"tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"})
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{0,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_CACHED = 256


class Origins:
    """The allowed hosts and origins of one server. The methods take raw header values; results are cached."""

    def __init__(self, settings: Settings) -> None:
        own = [] if settings.host in ("0.0.0.0", "::") else [settings.host]  # noqa: S104 - compared, not bound
        self._hosts = frozenset(_bare(host) for host in (*settings.allowed_hosts, *own))
        self._origins = TAURI | {_normal(origin) for origin in settings.allowed_origins}
        self.host_loopback: Callable[[bytes], bool] = lru_cache(_CACHED)(self._host_loopback)
        self.host_allowed: Callable[[bytes], bool] = lru_cache(_CACHED)(self._host_allowed)
        self.origin_allowed: Callable[[bytes, bytes], bool] = lru_cache(_CACHED)(self._origin_allowed)

    def _host_allowed(self, host: bytes) -> bool:
        """Whether a `Host` is a loopback name or in the settings, on any port."""
        match = _AUTHORITY.fullmatch(host.decode("latin-1").lower())
        return match is not None and (is_loopback(match["host"]) or _bare(match["host"]) in self._hosts)

    def _host_loopback(self, host: bytes) -> bool:
        """Whether a `Host` is a loopback name."""
        match = _AUTHORITY.fullmatch(host.decode("latin-1").lower())
        return match is not None and is_loopback(match["host"])

    def _origin_allowed(self, origin: bytes, host: bytes) -> bool:
        """Whether an `Origin` is loopback, Tauri's, in the settings, or the (allowed) host of the request."""
        normal = _normal(origin.decode("latin-1"))
        if normal in self._origins:
            return True
        scheme, _, authority = normal.partition("://")
        match = _AUTHORITY.fullmatch(authority)
        if scheme not in _DEFAULT_PORTS or match is None:
            return False
        if is_loopback(match["host"]):
            return True
        return normal == _normal(f"{scheme}://{host.decode('latin-1')}") and self._host_allowed(host)


def is_loopback(host: str) -> bool:
    """Whether a name, or an address as in a URL, is loopback. Names are not resolved."""
    name = _bare(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _bare(host: str) -> str:
    """A host in normal form: lower case, no brackets, no trailing dot."""
    return host.lower().strip("[]").removesuffix(".")


def _normal(origin: str) -> str:
    """An origin as browsers send it: lower case, without the default port."""
    scheme, separator, authority = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return scheme + separator + (authority.removesuffix(f":{port}") if port else authority)
