"""A server that may be killed, bots that it deploys, and what must be true of them whatever was killed."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import time
import tomllib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bots.catalogue import SHIPPED
from bots.deploying import journal
from bots.deploying.journal import Entry
from bots.deploying.register import MARKER
from tests.support import deployable
from tests.support.context import free_port, lives, processes_in
from tests.support.git import Repository
from tests.support.killable import Server

DEADLINE_S = 60
SERVICES = ("napcat", "nonebot-ada")
CONFIGURED = {"nonebot-ada/config.toml", "napcat/config/webui.json"}
"""Files of a release that a deployment writes ports into."""
ENDS = ("completed", "failed", "cancelled")

Bot = dict[str, Any]
"""An instance as `GET /instances` has it."""


class Site:
    """A server that deploys the sample bot as `maibot` from `url`, by the recipes of a version. Everything of it is in one
    folder."""

    def __init__(self, folder: Path, repository: Repository, url: str, recipes: Path = SHIPPED) -> None:
        self.folder = folder
        self.server = Server(
            folder,
            sources_maibot=url,
            deployment_accepts_terms="true",
            deployments_at_once="8",
            start_grace_s="0.2",
        )
        deployable.use(url, self.server.data, recipes)
        self._files = {tag: _files(repository, tag) for tag in deployable.TAGS}

    def recipe(self, old: str, new: str) -> None:
        """Changes the recipe, for a server that is started later."""
        file = self.server.data / "recipes" / "maibot.toml"
        text = file.read_text("utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), "utf-8")

    # Commands

    async def deploy(self, name: str, **wishes: Any) -> str:
        """Begins the deployment of a new instance with both services. Returns its id. Raises httpx.TransportError when the
        server dies meanwhile."""
        services = [{"name": service, "port": free_port()} for service in SERVICES]
        given = {"version": deployable.STABLE, "port": free_port(), "install_services": services, **wishes}
        begun = await self.server.ask("POST", "/deploy/deploy", instance_name=name, **given)
        return str(begun["instance_id"])

    async def command(self, mutation: str, **given: object) -> None:
        """A GraphQL mutation that takes an `input` and must succeed."""
        fields = ", ".join(f"{name}: {json.dumps(value)}" for name, value in given.items())
        query = f"mutation {{ {mutation}(input: {{{fields}}}) {{ __typename }} }}"
        async with self.server.client() as client:
            answer = await client.post(f"{self.server.url}/graphql", json={"query": query})
            assert "errors" not in answer.json(), answer.text

    async def retry(self, instance_id: str) -> None:
        await self.command("retryDeployment", instanceId=instance_id)

    async def delete(self, bot: Bot) -> None:
        """With its files; nothing of it is left."""
        await self.server.ask("DELETE", f"/instance/{bot['id']}/delete?files=delete")
        assert self.beside(bot["name"]) == []

    async def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """A command whose answer may never come."""
        with contextlib.suppress(httpx.TransportError):
            await work

    # What is seen

    async def bots(self) -> dict[str, Bot]:
        """Instances by name."""
        listed = await self.server.ask("GET", "/instances")
        return {bot["name"]: bot for bot in listed["instances"]}

    async def ended(self, instance_id: str) -> Bot:
        """The state of a deployment once it has ended."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            status = await self.server.ask("GET", f"/install-status/{instance_id}")
            if status["status"] in ENDS:
                return status
            assert time.monotonic() < deadline, (
                status,
                self.entries(instance_id)[-4:],
                self.workers(instance_id),
                self.keepers(instance_id),
                self.server.errors[-2000:],
            )
            await asyncio.sleep(0.05)

    async def settled(self, name: str, *wanted: str) -> Bot:
        """An instance once it has one of these statuses, or is either stopped or running, which it must become. A server answers
        before it has found out what runs if that takes long, and what it then starts again is stopped until it does."""
        deadline = time.monotonic() + DEADLINE_S
        while (bot := (await self.bots())[name])["status"] not in (wanted or ("stopped", "running")):
            assert bot["status"] != "failed", bot
            assert time.monotonic() < deadline, (
                bot,
                self.entries(bot["id"])[-4:],
                self.server.errors[-2000:],
            )
            await asyncio.sleep(0.05)
        return bot

    def entries(self, instance_id: str) -> list[Entry]:
        """The journal of its deployment."""
        return [entry for _, entry in journal.read(self.server.data / "deployments" / instance_id)]

    def target(self, name: str) -> Path:
        return self.server.workspace / name

    def beside(self, name: str) -> list[str]:
        """What stands where a deployment of that name works, its target included."""
        there = self.server.workspace.iterdir() if self.server.workspace.exists() else ()
        return sorted(path.name for path in there if path.name == name or path.name.startswith(f".{name}."))

    def workers(self, instance_id: str) -> list[int]:
        return _running(str(self.server.data / "deployments" / instance_id))

    def keepers(self, instance_id: str) -> list[int]:
        return _running(str(self.server.data / "terminals" / instance_id), "--serve")

    # Deaths

    async def restart(self) -> None:
        """Kills the server, and starts another."""
        await self.server.end(signal.SIGKILL)
        await self.server.start()

    async def power_cut(self) -> None:
        """Ends whatever runs here, all at once, and starts a server again."""
        await self.stop_everything()
        await self.server.start()

    async def stop_everything(self) -> None:
        assert self.server.process is not None
        _end_at_once(self.server.process.pid, *processes_in(self.folder))
        await self.server.gone()
        self.clear()

    def clear(self) -> None:
        """Ends every process of this folder and what it has started."""
        while found := processes_in(self.folder):
            _end_at_once(*found)

    # Whole or absent

    async def require_whole(self, bot: Bot, version: str) -> None:
        """The instance is complete, as what it is listed as, and nothing else is there."""
        folder, main = self.target(bot["name"]), bot["port"]
        assert (bot["path"], bot["version"]) == (str(folder), version)
        assert (folder / MARKER).read_text() == bot["id"]
        for path, blob in self._files[version].items():
            assert path in CONFIGURED or _blob(folder / path) == blob, path
        assert f"\nPORT={main}\n" in (folder / ".env").read_text("utf-8")
        adapter = tomllib.loads((folder / "nonebot-ada/config.toml").read_text("utf-8"))
        napcat = json.loads((folder / "napcat/config/webui.json").read_bytes())
        assert adapter["maibot_server"]["port"] == main
        found = {"napcat": napcat["port"], "nonebot-ada": adapter["napcat_server"]["port"]}
        for service in bot["services"]:
            assert found[service["name"]] == service["port"]
        for name in ("bot", "model", "lpmm"):
            tomllib.loads((folder / f"config/{name}_config.toml").read_text("utf-8"))
        assert self.workers(bot["id"]) == []
        assert len(self.keepers(bot["id"])) <= 1


@asynccontextmanager
async def site(folder: Path, repository: Repository, url: str = "") -> AsyncIterator[Site]:
    """A site whose server runs. Afterwards nothing of it runs."""
    made = Site(folder, repository, url or repository.url)
    try:
        await made.server.start()
        yield made
    finally:
        if made.server.lives:
            await made.server.end(signal.SIGKILL)
        made.clear()


def kill(*pids: int) -> None:
    """Ends processes at once, and nothing that they have started."""
    _signal(signal.SIGKILL, *pids)


def _end_at_once(*pids: int) -> None:
    """Ends processes and what they have started. None of them sees another one die."""
    found = set(pids)
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    _signal(signal.SIGSTOP, *found)
    kill(*found)


def _signal(number: signal.Signals, *pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _running(*words: str) -> list[int]:
    found = psutil.process_iter(["cmdline"])
    named = [
        process.pid
        for process in found
        if all(any(word in part for part in process.info["cmdline"] or ()) for word in words)
    ]
    return [pid for pid in named if lives(pid)]


def _files(repository: Repository, tag: str) -> dict[str, str]:
    """The files of a release by path, and what git calls their contents."""
    lines = repository.git("ls-tree", "-r", tag).splitlines()
    return {path: about.split()[2] for about, _, path in (line.partition("\t") for line in lines)}


def _blob(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
