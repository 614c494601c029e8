"""`mailauncher serve` in a process of its own, that is killed and started again on the same data folder and port."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.support.context import free_port
from tests.support.databases import migrated
from tests.support.http import NO_TLS
from tests.support.preloaded import COMMAND, LOCALE, Command

PATIENCE_S = 30


class Server:
    """Its data folder is `data` in the folder, its workspace `bots`; other settings by their names."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.workspace = folder / "bots"
        self.port = free_port()
        self.process: Command | None = None
        self._settings = settings

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def errors(self) -> str:
        """The end of what it has said on standard error, whichever of its lives that was in."""
        return (self.folder / "errors").read_text("utf-8")[-3000:]

    async def start(self, code: Path | None = None) -> None:
        """Returns once it listens. `code`: a folder with another version of the package `mailauncher`, which
        makes a database of its own."""
        if code is None:
            migrated(self.data)
        own = {k: v for k, v in os.environ.items() if not k.startswith("MAILAUNCHER_")} | LOCALE
        settings = {
            "data": str(self.data),
            "workspace": str(self.workspace),
            "port": str(self.port),
            "host": "127.0.0.1",
            **self._settings,
        }
        with (self.folder / "errors").open("ab") as errors:
            self.process = Command(
                [*COMMAND, "serve"],
                cwd=code,
                env=own | {f"MAILAUNCHER_{name.upper()}": value for name, value in settings.items()},
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert b"listening" in line, (line, self.errors)

    async def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        await self.gone()
        assert self.process.returncode is not None
        return self.process.returncode

    async def gone(self) -> None:
        """Waits for its end."""
        assert self.process is not None
        await asyncio.to_thread(self.process.communicate)

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def ask(self, method: str, path: str, /, **body: object) -> dict[str, Any]:
        """The answer of the REST interface, which must be a success. Raises httpx.TransportError when it is not there."""
        async with self.client() as client:
            answer = await client.request(method, path, json=body or None)
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()
            return found

    def client(self) -> httpx.AsyncClient:
        """Of the REST interface."""
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/v1", timeout=PATIENCE_S, trust_env=False, verify=NO_TLS
        )

    async def instances(self) -> dict[str, str]:
        """The status of each instance, by id."""
        listed = await self.ask("GET", "/instances")
        return {each["id"]: each["status"] for each in listed["instances"]}
