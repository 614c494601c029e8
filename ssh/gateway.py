"""The gateway: listens, serves sessions, and ends those whose keys are revoked, or may do less than before."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import asyncssh

from mailauncher.errors import InvalidParameter, LauncherError, as_known
from mailauncher.events import SshKeysChanged
from mailauncher.tasks import Tasks
from resolvers.context import Context
from resolvers.views import TerminalView
from ssh import algorithms, host_key_file, menu
from ssh.attaching import Places, attach
from ssh.commands import Commands
from ssh.connection import Connection
from ssh.limits import Limits
from ssh.logins import MENU, Judge, Login
from ssh.session import Channel, Run, Session

log = logging.getLogger(__name__)

LOGIN_TIMEOUT_S = 20
KEEPALIVE_S = 30
SESSIONS_OF_CONNECTION = 8


@asynccontextmanager
async def gateway(ctx: Context, listeners: Sequence[socket.socket]) -> AsyncIterator["Gateway"]:
    """Serves SSH on these sockets for the block. Raises what `host_key_file.load` raises."""
    asyncssh.set_log_level(logging.WARNING)  # at its usual level it would log what is typed as commands
    key = await asyncio.to_thread(host_key_file.load, ctx.settings.data_folder)
    opened = Gateway(ctx, key)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(opened.close)
        for listener in listeners:
            server = await loop.create_server(opened.connection, sock=listener)
            stack.callback(server.close)
        yield opened


class Gateway:
    """All connections, and what runs in their sessions."""

    def __init__(self, ctx: Context, key: asyncssh.SSHKey) -> None:
        self._judge = Judge(ctx)
        self._limits = Limits(ctx.settings.ssh_handshakes_per_minute)
        self._places = Places()
        self._commands = Commands()
        self._ctx = ctx
        self._tasks = Tasks()
        self._connections: set[Connection] = set()
        self._options = asyncssh.SSHServerConnectionOptions(
            config=None,
            server_factory=lambda: _Owner(self),
            server_host_keys=[key],
            server_version="MaiLauncher",
            kex_algs=algorithms.KEY_EXCHANGES,
            encryption_algs=algorithms.CIPHERS,
            mac_algs=algorithms.MACS,
            compression_algs=None,
            signature_algs=algorithms.SIGNATURES,
            public_key_auth=True,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            agent_forwarding=False,
            x11_forwarding=False,
            login_timeout=LOGIN_TIMEOUT_S,
            keepalive_interval=KEEPALIVE_S,
            encoding=None,
        )
        self._tasks.keep_running(self._revoke, "end of SSH sessions that their keys no longer allow")

    def connection(self) -> Connection:
        return Connection(asyncio.get_running_loop(), self._options, self._judge, self._limits)

    async def close(self) -> None:
        """Ends every session."""
        for connection in list(self._connections):
            connection.disconnect(asyncssh.DISC_BY_APPLICATION, "The server is shutting down")
        await self._tasks.close()

    # Connections

    def entered(self, connection: Connection) -> None:
        self._connections.add(connection)

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def logged_in(self, connection: Connection) -> None:
        assert connection.login is not None
        self._limits.logged_in(connection.address)
        note = self._ctx.store.ssh_keys.note_use(connection.login.fingerprint, connection.address)
        self._tasks.spawn(note, "last use of an SSH key")

    async def _revoke(self) -> None:
        """Looks at every connection whenever a key was added, changed or removed."""
        with self._ctx.bus.subscribe(SshKeysChanged) as changes:
            async for _ in changes:
                for connection in list(self._connections):
                    if connection.login is not None and not self._judge.is_valid(connection.login):
                        connection.disconnect(
                            asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                            "The key was revoked, or may do less than before",
                        )

    # Sessions

    def session(self, login: Login) -> Session:
        return Session(lambda session, command: self._chosen(login, session, command), self._start)

    def _chosen(self, login: Login, session: Session, command: str | None) -> Run:
        terminal = login.terminal
        if command is not None and terminal is None:
            return lambda session: self._commands.run(login.ctx, session, command)
        if command is not None:
            return _refusing(
                f"命令须发给用户 {MENU}，如 ssh {MENU}@主机 ls；不传送文件（sftp、scp）",
                f"Commands are for the user {MENU}, such as ssh {MENU}@HOST ls; no files are transferred (sftp, scp)",
            )
        if session.term is None:
            return _refusing(
                f"打开终端需要终端（ssh -t）；只看输出请用 ssh {MENU}@主机 logs -f 名称",
                f"This needs a terminal (ssh -t); to read the output only: ssh {MENU}@HOST logs -f NAME",
            )
        if terminal is None:
            return lambda session: menu.show(login.ctx, session, partial(self._attach, login, session))
        return lambda session: self._attach(login, session, terminal)

    def _attach(self, login: Login, session: Session, terminal: TerminalView) -> Awaitable[int]:
        return attach(login.ctx, session, terminal, self._places, (login.fingerprint, terminal.session_id))

    def _start(self, session: Session, run: Run) -> None:
        self._tasks.spawn(self._serve(session, run), "SSH session")

    async def _serve(self, session: Session, run: Run) -> None:
        """Runs what the session is for, until it ends or the connection does."""
        running = asyncio.ensure_future(run(session))
        gone = asyncio.ensure_future(session.ended.wait())
        try:
            await asyncio.wait((running, gone), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                running.cancel()
            session.finish(await running)
        except BrokenPipeError:
            return  # the client is gone
        except asyncio.CancelledError:
            if not running.cancelled():
                raise
        except Exception as error:
            known = as_known(error)
            if known is None:
                log.exception("SSH session")
                known = LauncherError("内部错误，详见日志", "Internal error; see the log")
            session.error(known.text)
            session.finish(known.info.exit)
        finally:
            gone.cancel()
            running.cancel()
            await asyncio.wait((running, gone))


def _refusing(zh: str, en: str) -> Run:
    async def refuse(_session: Session) -> int:
        raise InvalidParameter(zh, en)

    return refuse


class _Owner(asyncssh.SSHServer):
    """asyncssh's view of the gateway, for one connection. Everything that it does not answer is refused."""

    def __init__(self, opened: Gateway) -> None:
        self._gateway = opened
        self._connection: Connection
        self._sessions = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        assert isinstance(conn, Connection)
        self._connection = conn
        self._gateway.entered(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gateway.left(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def auth_completed(self) -> None:
        self._gateway.logged_in(self._connection)

    def session_requested(self) -> tuple[Channel, Session]:
        login = self._connection.login
        if login is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "Not logged in")
        if self._connection.sessions >= SESSIONS_OF_CONNECTION:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, f"At most {SESSIONS_OF_CONNECTION} sessions on a connection"
            )
        return Channel(self._connection, asyncio.get_running_loop()), self._gateway.session(login)
