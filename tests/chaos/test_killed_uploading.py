"""The server is killed in the middle of uploads: a file is there whole or not at all, and nothing is left of the others."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.context import free_port
from tests.support.http import write_bot
from tests.support.killable import Server
from tests.support.waiting import until

pytestmark = pytest.mark.slow


async def test_a_kill_during_uploads_leaves_whole_files_only(tmp_path: Path) -> None:
    folder, server = write_bot(tmp_path / "bot"), Server(tmp_path)
    never = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(2 << 20)
        await never.wait()

    await server.start()
    try:
        port = free_port()
        added = await server.ask(
            "POST",
            "/instances/add",
            instance_name="bot",
            install_path=str(folder),
            port=port,
            install_services=[],
        )
        address = f"/files/{added['instance_id']}/content"
        async with server.client() as client:
            sent = await client.put(address, params={"path": "kept"}, content=b"former")
            assert sent.is_success, sent.text
            uploads = [
                asyncio.create_task(
                    client.put(address, params={"path": name, "existing": "replace"}, content=stalled())
                )
                for name in ("kept", "new")
            ]
            # Both are under way, and a part of each is on the disk.
            await until(lambda: sum(path.stat().st_size >= 1 << 20 for path in folder.iterdir()) == 2)
            await server.end(signal.SIGKILL)
            never.set()
            for upload in uploads:
                with contextlib.suppress(httpx.TransportError):
                    await upload
        assert (folder / "kept").read_bytes() == b"former"
        assert not (folder / "new").exists()
        await server.start()
        await until(lambda: sorted(path.name for path in folder.iterdir()) == ["bot.py", "kept"])
    finally:
        if server.lives:
            await server.end(signal.SIGTERM)
