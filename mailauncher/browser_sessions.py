"""Browsers that have signed in with the token. What a page loads by itself, pictures, downloads and terminals, cannot carry a
header, so the token is exchanged for a cookie.

A session is known by a keyed hash only: who reads the file gets no cookie, and with another token none of them is valid.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from mailauncher import files
from mailauncher.errors import PermissionDenied
from mailauncher.settings import Settings

_COOKIE = "mailauncher_session"
DAYS = 30
SESSIONS_MAX = 200
"""At most so many are kept; the one that ends first makes room."""
FILE = "browser-sessions.json"
_DAY_S = 86_400

log = logging.getLogger(__name__)


class SessionEnded(PermissionDenied):
    """The session of whoever opened a stream has ended."""

    def __init__(self) -> None:
        super().__init__("登录已结束，请重新登录", "You are signed out: sign in again")


class BrowserSessions:
    """The sessions of one data folder, by the hash of their ids, each with the time when it ends."""

    def __init__(self, token: str, file: Path, ends: dict[str, float]) -> None:
        self._key = token.encode()
        self._file = file
        self._ends = ends
        self._streams: dict[str, set[asyncio.Timeout]] = defaultdict(set)
        self._writing = asyncio.Lock()

    @classmethod
    def read(cls, settings: Settings) -> "BrowserSessions":
        """Blocks. A file that cannot be read counts as empty: everybody signs in again."""
        file = settings.data_folder / FILE
        try:
            ends = msgspec.json.decode(files.read(file), type=dict[str, float])
        except FileNotFoundError:
            ends = {}
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s: %s; browsers must sign in again", file, error)
            ends = {}
        return cls(settings.token, file, ends)

    async def begin(self) -> str:
        """The id of a new session. Raises OSError."""
        made = secrets.token_urlsafe(32)
        now = time.time()
        for name in sorted(self._ends, key=self._ends.__getitem__)[: 1 - SESSIONS_MAX]:
            self._forget(name)
        self._ends[self._hash(made)] = now + DAYS * _DAY_S
        await self._write()
        return made

    async def end(self, session: str) -> None:
        """Ends a session, if there is one with this id. Raises OSError."""
        name = self._hash(session)
        if name in self._ends:
            self._forget(name)
            await self._write()

    def knows(self, session: str) -> bool:
        """Whether a session is valid."""
        return self._ends.get(self._hash(session), 0) > time.time()

    @asynccontextmanager
    async def lasting(self, session: str) -> AsyncIterator[None]:
        """Cancels the block when the session ends. Raises SessionEnded then."""
        name = self._hash(session)
        limit = asyncio.timeout(self._ends.get(name, 0) - time.time())
        try:
            async with limit:
                self._streams[name].add(limit)
                try:
                    yield
                finally:
                    self._streams[name].discard(limit)
                    if not self._streams[name]:
                        del self._streams[name]
        except TimeoutError:
            if not limit.expired():
                raise  # one of the block's own
        if limit.expired():
            raise SessionEnded

    def _forget(self, name: str) -> None:
        del self._ends[name]
        now = asyncio.get_running_loop().time()
        for limit in self._streams.get(name, ()):
            if not limit.expired():
                limit.reschedule(now)

    def _hash(self, session: str) -> str:
        return hmac.new(self._key, session.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    async def _write(self) -> None:
        async with self._writing:
            await asyncio.to_thread(files.write, self._file, msgspec.json.encode(self._ends))


def cookie_name(host: bytes) -> str:
    """The name of the cookie for the address that a browser has in its `Host` header.

    Cookies know no ports, so the name has it: else two servers on one host, or two tunnels to servers on others, would sign
    each other's users out.
    """
    _, colon, port = host.rpartition(b":")
    return f"{_COOKIE}_{port.decode()}" if colon and port.isdigit() else _COOKIE


def session_in(cookies: bytes, host: bytes) -> str:
    """The id of the session in a `Cookie` header; empty if there is none.

    The cookies of every program on this host come along, in whatever form each has given its own.
    """
    wanted = cookie_name(host)
    for pair in cookies.decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""
