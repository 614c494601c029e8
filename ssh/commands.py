"""Commands over SSH: those of the command line, run here as a client of this server with the rights of the key."""

import asyncio
import os
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress

from mailauncher.errors import InvalidParameter, ServiceUnavailable, Text
from resolvers.context import Context
from ssh.session import Session, no_transfer

VERBS = (
    "ls",
    "start",
    "stop",
    "restart",
    "kill",
    "logs",
    "deployments",
    "follow",
    "cancel",
    "retry",
    "versions",
    "upgrade",
    "rollback",
    "backup",
    "backups",
    "restore",
    "edit",
    "disk",
    "sync",
    "rm",
)
"""Those that read and write no files of whoever runs them: here that would be the server."""
AT_ONCE = 16
OF_CALLER = 8
"""Of those at once: whoever may only look could keep everybody else from commands with `logs -f`."""
PIECE_BYTES = 64 << 10
END_S = 2.0
INTERRUPT = b"\x03"
_OF_THE_CLIENT = ("--url", "--token")
_TRANSFERS = ("scp", "sftp", "rsync", "sftp-server", "git-upload-pack", "git-receive-pack")


def parse(command: str) -> list[str]:
    """The words of a command. Raises InvalidParameter, with what may be given."""
    if not command.isprintable():
        raise InvalidParameter(
            "命令中有换行或控制字符", "The command has a line break or another control character"
        )
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidParameter(
            f"命令的引号不成对：{error}", f"The command's quotes do not match: {error}"
        ) from None
    if words and os.path.basename(words[0]) in _TRANSFERS:  # noqa: PTH119 - a word, no path of this machine
        raise no_transfer()
    if not words or words[0] not in VERBS:
        given = words[0][:32] if words else ""
        raise InvalidParameter(
            f"没有命令 '{given}'；可用：{'、'.join(VERBS)}",
            f"No command '{given}'; there are: {', '.join(VERBS)}",
        )
    for word in words:
        if word.partition("=")[0] in _OF_THE_CLIENT:
            raise InvalidParameter(f"此处不能使用 {word}", f"{word} cannot be used here")
    return words


class Commands:
    """The commands of all connections; a few at a time, and of each caller fewer."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()
        """By caller."""

    async def run(self, ctx: Context, session: Session, command: str) -> int:
        """Returns the exit status. Raises as `parse` does, ServiceUnavailable while too many run."""
        words = parse(command)
        for running, limit, whose in (
            (self._running[ctx.caller], OF_CALLER, Text("此密钥", " with this key")),
            (self._running.total(), AT_ONCE, Text("", "")),
        ):
            if running >= limit:
                raise ServiceUnavailable(
                    f"{whose.zh}已有 {limit} 个命令在运行，请稍后再试",
                    f"{limit} commands are running already{whose.en}; try again later",
                )
        self._running[ctx.caller] += 1
        try:
            with ctx.delegations.issue(ctx.caller, ctx.grant) as token:
                return await _run(ctx, session, words, token)
        finally:
            self._running -= Counter([ctx.caller])  # which forgets those of whom none runs


async def _run(ctx: Context, session: Session, words: list[str], token: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mailauncher",
        "--lang",
        session.language,
        words[0],
        "--url",
        ctx.settings.url,
        *words[1:],
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=_environment(ctx, token),
        cwd="/",
        start_new_session=True,
    )
    left = False
    try:
        async with asyncio.TaskGroup() as tasks:
            typing = tasks.create_task(_send_input(session, process))
            for stream, stderr in ((process.stdout, False), (process.stderr, True)):
                assert stream is not None
                tasks.create_task(_send_output(session, stream, stderr=stderr))
            await process.wait()
            typing.cancel()
    except* BrokenPipeError:
        left = True
    finally:
        await _end(process)
    status = process.returncode
    if left or status is None:
        raise BrokenPipeError
    return status if status >= 0 else 128 - status


def _environment(ctx: Context, token: str) -> dict[str, str]:
    """What the server itself has of the system's; of its own settings only where its data is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAILAUNCHER_", "LC_"))}
    given = {"MAILAUNCHER_DATA": ctx.settings.data, "MAILAUNCHER_TOKEN": token, "LANG": "C.UTF-8"}
    return kept | given | {"PYTHONUTF8": "1"}


async def _send_input(session: Session, process: Process) -> None:
    """Until the client closes its input. Ctrl-C interrupts the command where the client has a terminal."""
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        while data := await session.read():
            if session.term is not None and INTERRUPT in data:
                _signal(process, signal.SIGINT)
                continue
            process.stdin.write(data)
            await process.stdin.drain()
        process.stdin.close()


async def _send_output(session: Session, stream: asyncio.StreamReader, *, stderr: bool) -> None:
    while data := await stream.read(PIECE_BYTES):
        if session.term is not None:  # nothing between here and there is a terminal that would do this
            data = data.replace(b"\n", b"\r\n")
        await session.write(data, stderr=stderr)


async def _end(process: Process) -> None:
    """Ends what still runs: its client is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        _signal(process, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
