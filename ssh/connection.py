"""asyncssh's connection, with the limits and the judgement of keys that it does not have.

Some of what is overridden here is private to asyncssh, whose minor version is pinned for that reason; a test of each fails if it
has no effect any more.
"""

import asyncio
import time
import unicodedata
from collections import deque
from collections.abc import Awaitable

import asyncssh
from asyncssh.constants import MSG_KEXINIT, MSG_USERAUTH_REQUEST
from asyncssh.packet import SSHPacket, String

from ssh.algorithms import SIGNATURES
from ssh.limits import Limits
from ssh.logins import Judge, Login

OFFERS = 12
"""Of keys on a connection. Clients ask whether a key would do before they sign with it."""
KEY_EXCHANGES = 30
KEY_EXCHANGES_WITHIN_S = 60.0
NAME_BYTES = 512
SLICE_BYTES = 16 << 10
_SIGNATURES = frozenset(name.encode() for name in SIGNATURES)


class Connection(asyncssh.SSHServerConnection):
    """One client's connection. `login` is who has logged in, None until somebody has."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        judge: Judge,
        limits: Limits,
    ) -> None:
        super().__init__(loop, options)
        self.login: Login | None = None
        self.address = ""
        self._judge = judge
        self._limits = limits
        self._offers = 0
        self._exchanges: deque[float] = deque(maxlen=KEY_EXCHANGES)
        self._writable = asyncio.Event()
        self._writable.set()
        self._counted = False

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._channels)

    # Limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.address = str(transport.get_extra_info("peername", ("",))[0])
        self._counted = self._limits.enter(self.address)
        if self._counted:
            super().connection_made(transport)
        else:  # without a word, and before anything costs time
            self._cancel_login_timer()
            transport.abort()  # type: ignore[attr-defined]  # a Transport

    def _cleanup(self, exc: Exception | None) -> None:
        super()._cleanup(exc)
        self._writable.set()
        if self._counted:
            self._counted = False
            self._limits.leave(self.address)

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        # asyncssh copies all that has arrived for each packet of it: a quarter of a mebibyte of the smallest ones took a second.
        for start in range(0, len(data), SLICE_BYTES):
            if self._transport is None:
                return
            super().data_received(data[start : start + SLICE_BYTES], datatype)

    def pause_writing(self) -> None:
        """The client does not take what is sent. asyncssh goes on, so that replies to a client that only asks would pile up: such a
        client is not read from either, and whoever sends output waits for `drained`."""
        self._writable.clear()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable.set()
        if self._transport is not None:
            self._transport.resume_reading()

    async def drained(self) -> None:
        """Returns once the client has taken most of what was sent, or is gone."""
        await self._writable.wait()

    def _begin_exchange(self, kind: int, number: int, packet: SSHPacket) -> Awaitable[None]:
        """A new exchange of keys costs a few milliseconds each time."""
        now = time.monotonic()
        if len(self._exchanges) == KEY_EXCHANGES and self._exchanges[0] > now - KEY_EXCHANGES_WITHIN_S:
            raise asyncssh.ProtocolError("Too many key exchanges")
        self._exchanges.append(now)
        return self._process_kexinit(kind, number, packet)

    async def reload_config(self) -> None:
        """There is no configuration file to read again for a user; asyncssh would compute all its options anew."""

    # Logins

    def _request_login(self, _kind: int, _number: int, packet: SSHPacket) -> Awaitable[None] | None:
        """As asyncssh does, but for the name: it applies SASLprep, by which `１` is `1`, and whatever Unicode has gained since 2002 is
        an error, such as most emojis."""
        name, service, method = packet.get_string(), packet.get_string(), packet.get_string()
        if service != b"ssh-connection":
            raise asyncssh.ServiceNotAvailable("Unexpected service in auth request")
        if self._auth_complete:
            if self._auth_final:
                raise asyncssh.ProtocolError("Unexpected userauth request")
            return None
        if self._auth:
            former, self._auth = self._auth, None
            former.cancel()
        # One that is too long, or not UTF-8, is the name of nothing, and is refused as such.
        shown = name[:NAME_BYTES].decode("utf-8", "replace")
        username = unicodedata.normalize("NFC", shown) if len(name) <= NAME_BYTES else ""
        begins = username != self._username or not self._offers
        self._username = username
        self._key_options, self._cert_options = {}, None
        return self._finish_userauth(begins, method, packet)

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """Whether a key or certificate may log in, and with `msg`, whether its owner has signed that."""
        self._offers += 1
        if self._offers > OFFERS:
            raise asyncssh.DisconnectError(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                "Too many keys; name one: ssh -o IdentitiesOnly=yes -i FILE",
            )
        if delay_s := self._limits.delay_s(self.address):
            await asyncio.sleep(delay_s)
        login, key, options = self._judge.judge(username, key_data, self.address)
        if login is None or (msg and not _is_signed(key, bytes(String(self._session_id)) + msg, signature)):
            self._limits.failed(self.address)
            return False
        if msg:
            self._cert_options = options
            self.login = login
        return True

    _packet_handlers = {  # noqa: RUF012 - as asyncssh declares it
        **asyncssh.SSHServerConnection._packet_handlers,
        MSG_KEXINIT: _begin_exchange,
        MSG_USERAUTH_REQUEST: _request_login,
    }


def _is_signed(key: asyncssh.SSHKey | None, message: bytes, signature: bytes) -> bool:
    """asyncssh would also accept a signature with SHA-1."""
    if key is None or SSHPacket(signature).get_string() not in _SIGNATURES:
        return False
    key.set_touch_required(True)
    return key.verify(message, signature)
