"""Every example of the guide's section on SSH, in both languages, by OpenSSH's own programs."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mailauncher.grants import Scope
from resolvers import instances, system
from server.app import create_app
from server.serving import Server
from ssh import limits
from store.journal import EventFilter
from tests.support import ssh
from tests.support.context import PATIENT_BOT, add_bot
from tests.support.layers import ROOT
from tests.support.ssh import Place, add_key, terminal, trust

pytestmark = [pytest.mark.slow, ssh.needs_ssh]

HOST = "bots.example"


def block(guide: str, name: str) -> str:
    text = (ROOT / "docs" / guide).read_text("utf-8")
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```\n<!-- /{name} -->", text, re.DOTALL)
    assert found, (guide, name)
    return found[1]


def examples(guide: str) -> list[str]:
    lines = block(guide, "ssh-examples").splitlines()
    return [re.sub(r"\s+# .*", "", line) for line in lines]


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with ssh.gateway(tmp_path) as found:
        server = Server(create_app(found.ctx), found.ctx.settings)
        serving = asyncio.create_task(server.serve())
        await server.ready.wait()
        yield found
        server.stop()
        await serving


def test_both_guides_have_the_same_examples() -> None:
    for name in ("ssh-config", "ssh-certificates"):
        assert block("guide.md", name) == block("guide.zh.md", name)
    assert examples("guide.md") == examples("guide.zh.md")


async def test_each_example_works_as_it_is_written(place: Place) -> None:
    names = ("mai-1", "小麦 no.1")
    bots = [await add_bot(place.ctx, place.folder / name, PATIENT_BOT, napcat=PATIENT_BOT) for name in names]
    await instances.start(place.ctx, bots[-1].id)
    done = []
    for example in examples("guide.md"):
        command = example.removesuffix(" | cat")
        program, port, number, target, *words = shlex.split(command)
        assert [program, port, number] == ["ssh", "-p", "2222"]
        user = target.removesuffix(f"@{HOST}")
        if words:
            status, out, errors = await place.run(f"{user}@127.0.0.1", *words)
            assert status == 0, (example, errors)
            if "--json" in words:
                assert len(json.loads(out)) == 2
        else:
            async with terminal(place, f"{user}@127.0.0.1") as shown:
                await shown.expect("mai-1" if user == "menu" else r"ready|\$|#")
                shown.type("q" if user == "menu" else "\r~." if user == "mai-1" else "\x1d")
                assert await shown.status() == (255 if user == "mai-1" else 0), example
        done.append(example)
    assert len(done) == 7


async def test_the_host_block_of_the_guide_works_and_a_name_is_the_same_however_it_is_composed(
    place: Place,
) -> None:
    await add_bot(place.ctx, place.folder / "小麦 no.1", PATIENT_BOT)
    await add_bot(place.ctx, place.folder / "Zo\u00eb ２", PATIENT_BOT)
    config = block("guide.md", "ssh-config").replace(HOST, "127.0.0.1").replace("2222", str(place.port))
    config = config.replace("~/.ssh/id_ed25519", str(place.folder / "admin"))
    file = place.folder / "config"
    file.write_text(f"{config}    UserKnownHostsFile {place.folder / 'known_hosts'}\n", "utf-8")
    process = await asyncio.create_subprocess_exec(
        "ssh", "-F", str(file), "-tt", "mai",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=ssh.environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(30):
        await process.stdout.read(1)
        process.stdin.write(b"\x1d")
        assert await process.wait() == 0
    async with terminal(place, "Zoe\u0308 ２@127.0.0.1") as shown:
        await shown.expect(r"\$|#")
    status, _, _ = await place.run("-tt", "Zoe\u0308 2@127.0.0.1")  # another digit: another name
    assert status == 255


async def test_certificates_as_in_the_guide_log_in_while_they_hold(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LONGEST_DELAY_S", 0)
    await add_bot(place.ctx, place.folder / "mai-1", PATIENT_BOT)
    add_key(place.folder, "alice")

    async def ran(command: str) -> None:
        process = await asyncio.create_subprocess_exec(*shlex.split(command), cwd=place.folder)
        assert await process.wait() == 0

    make, add, sign = block("guide.md", "ssh-certificates").splitlines()
    await ran(make)
    name, scope = re.search(r"ssh add (\w+) .* --scope (\w+)", add).groups()  # type: ignore[union-attr]
    public = (place.folder / "bots_ca.pub").read_text("utf-8")
    await trust(place.ctx, name, public, Scope(scope), principals=("mailauncher",))

    async def logs_in(key: str = "alice") -> bool:
        status, _, errors = await place.run("menu@127.0.0.1", "nothing", key=key)
        assert (status, "Permission denied" in errors) in ((2, False), (255, True))
        return status == 2

    assert not await logs_in()  # without a certificate
    await ran(sign)
    assert await logs_in()
    assert not await logs_in("bots_ca")  # the authority's own key
    for wrong in ("-n other", "-n mailauncher -V -2d:-1d", "", "-n mailauncher -O force-command=ls",
                  "-n mailauncher -O source-address=192.0.2.1", "-h -n mailauncher"):  # fmt: skip
        await ran(f"ssh-keygen -q -s bots_ca -I alice {wrong} alice.pub")
        assert not await logs_in(), wrong
    await ran(f"{sign.removesuffix('alice.pub')} -O source-address=127.0.0.0/8 alice.pub")
    async with terminal(place, "mai-1@127.0.0.1", key="alice") as shown:
        await shown.expect(r"\$|#")
        shown.type("echo se''cret\r")
        await shown.expect("secret")
        shown.type("\x1d")
        assert await shown.status() == 0
    told = await system.events(place.ctx, EventFilter(kinds=["attach", "drive", "detach"]))
    assert [(event.kind, event.caller) for event in told] == [
        ("attach", "ssh:company/alice"),
        ("drive", "ssh:company/alice"),
        ("detach", "ssh:company/alice"),
    ]
    assert not any("cret" in event.text.en for event in told)
