"""An SSH gateway in the test's own process, and OpenSSH's clients to use it."""

import asyncio
import os
import pty
import re
import shutil
import signal
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from mailauncher import host_key
from mailauncher.grants import Scope
from resolvers import ssh_keys
from resolvers.context import Context
from server import serving
from server.ssh_door import ssh_door
from tests.support import preloaded
from tests.support.context import PATIENCE_S, free_port, parts

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH's client is not installed")


def add_key(folder: Path, name: str, algorithm: str = "ssh-ed25519") -> str:
    """Makes a key pair as `ssh-keygen` does. Returns the public one."""
    key = asyncssh.generate_private_key(algorithm, comment=name)
    file = folder / name
    file.write_bytes(key.export_private_key())
    file.chmod(0o600)
    public = key.export_public_key().decode()
    file.with_name(f"{name}.pub").write_text(public, "utf-8")
    return public


async def trust(
    ctx: Context,
    name: str,
    key: str,
    scope: Scope = Scope.ADMIN,
    instances: list[str] | None = None,
    principals: tuple[str, ...] = (),
) -> None:
    """Adds a key; the first one as the command line does, on this machine."""
    proof = "p" * ssh_keys.PROOF_BYTES
    if not len(ctx.store.ssh_keys):
        file = ctx.settings.data_folder / host_key.FOLDER / host_key.FIRST_KEY
        file.parent.mkdir(exist_ok=True)
        file.write_text(proof, "ascii")
    await ssh_keys.add(ctx, ssh_keys.NewKey(name, key, scope, instances, principals, proof))


@dataclass(frozen=True)
class Place:
    """A gateway with one trusted key, `admin`, in `folder`, where its clients have their files."""

    ctx: Context
    folder: Path

    @property
    def port(self) -> int:
        return self.ctx.settings.ssh_port

    def command(self, program: str, *arguments: str, key: str = "admin") -> list[str]:
        """The options that keep a client from the files of whoever runs the tests. `~.` works from the first character on."""
        port = "-P" if program in ("scp", "sftp") else "-p"
        return [
            program, "-F", "none", port, str(self.port), "-i", str(self.folder / key),
            "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "LogLevel=ERROR",
            "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "StrictHostKeyChecking=yes", *arguments,
        ]  # fmt: skip

    async def run(
        self, *arguments: str, key: str = "admin", program: str = "ssh", stdin: bytes | None = b""
    ) -> tuple[int, str, str]:
        """Runs a client without a terminal to its end: its exit status, output and errors."""
        process = await asyncio.create_subprocess_exec(
            *self.command(program, *arguments, key=key),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        async with asyncio.timeout(PATIENCE_S):
            out, errors = await process.communicate(stdin)
        assert process.returncode is not None
        return process.returncode, out.decode(errors="replace"), errors.decode(errors="replace")


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color", "HOME": "/nonexistent"}


class Terminal:
    """A client in a terminal of 100 x 30, as a person uses it."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self._text = ""
        self._arrived = asyncio.Event()
        self._process = process
        self._reads = False
        self.resume()

    def pause(self) -> None:
        """Takes nothing more from the client."""
        asyncio.get_running_loop().remove_reader(self._master)
        self._reads = False

    def resume(self) -> None:
        asyncio.get_running_loop().add_reader(self._master, self._read)
        self._reads = True

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the client has ended
            data = b""
        if not data:
            self.pause()
        self._text += data.decode(errors="replace")
        self._arrived.set()

    async def expect(self, pattern: str) -> re.Match[str]:
        """Waits for the pattern in what was shown after the one expected before."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := re.search(pattern, self._text)):
                    assert self._reads, f"{pattern} not in\n{self._text[-2000:]!r}"
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"{pattern} not in\n{self._text[-2000:]!r}") from None
        self._text = self._text[found.end() :]
        return found

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self._master, (rows, columns))
        self._process.send_signal(signal.SIGWINCH)

    def kill(self) -> None:
        self._process.kill()

    async def status(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if self._reads:
            self.pause()
        os.close(self._master)


@asynccontextmanager
async def terminal(
    place: Place, *arguments: str, key: str = "admin", term: str = "xterm-256color"
) -> AsyncIterator[Terminal]:
    """`ssh` in a terminal."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (30, 100))
    process = await asyncio.create_subprocess_exec(
        *place.command("ssh", *arguments, key=key),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment() | {"TERM": term},
        preexec_fn=preloaded.terminal,
    )
    os.close(slave)
    shown = Terminal(master, process)
    try:
        yield shown
    finally:
        await shown.close()


@asynccontextmanager
async def opened(ctx: Context, folder: Path) -> AsyncIterator[Place]:
    """The gateway of a server."""
    listeners = serving.ssh_listeners(ctx.settings)
    async with ssh_door(ctx, listeners):
        found = host_key.read_public(ctx.settings.data_folder)
        assert found is not None
        line = found.known_hosts("127.0.0.1", ctx.settings.ssh_port)
        (folder / "known_hosts").write_text(f"{line}\n", "ascii")
        yield Place(ctx, folder)


@asynccontextmanager
async def gateway(folder: Path, **given: object) -> AsyncIterator[Place]:
    """A gateway that trusts one key, `admin`."""
    values: dict[str, object] = {"ssh": True, "ssh_port": free_port(), "ssh_handshakes_per_minute": 1000}
    async with parts(folder, **(values | given)) as ctx:
        await trust(ctx, "admin", add_key(folder, "admin"))
        async with opened(ctx, folder) as place:
            yield place
