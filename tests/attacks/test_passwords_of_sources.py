"""A password in the address of a source stood in git's arguments, which every user of the machine can read, and for good
in `.git/config` of the instance, where the bot could."""

import asyncio
from pathlib import Path

import psutil
import pytest

from bots.fetching.git_environment import git_environment
from bots.fetching.repository_url import without_login
from resolvers import versions
from tests.support.deploying import Bots, deploy, ended
from tests.support.git import GitServer, serving

SECRET = "s3cr%t p@ss"
QUOTED = "s3cr%25t%20p%40ss"


@pytest.mark.parametrize(
    "url, given",
    [
        ("https://me:pass@example.org:8443/a/b.git", "https://example.org:8443/a/b.git"),
        ("https://me:@example.org/a", "https://example.org/a"),
        ("http://me:p%40ss@[::1]:80/a?b", "http://[::1]:80/a?b"),
        ("https://me@example.org/a", "https://me@example.org/a"),
        ("https://example.org/a", "https://example.org/a"),
        ("ssh://git@example.org/a", "ssh://git@example.org/a"),
        ("git@example.org:a", "git@example.org:a"),
        ("https://me:a%0Apath=x@example.org/a", "https://me:a%0Apath=x@example.org/a"),
        ("https://[me:pass@example.org/a", "https://[me:pass@example.org/a"),
    ],
)
def test_what_git_is_given_of_an_address(url: str, given: str) -> None:
    assert without_login(url) == given


def test_configuration_of_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.proxy")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "")
    found = git_environment(("https",), "https://me:pass@example.org/a")
    assert (found["GIT_CONFIG_COUNT"], found["GIT_CONFIG_KEY_0"]) == ("3", "http.proxy")
    assert "GIT_CONFIG_KEY_1" not in git_environment(("https",), "https://example.org/a")


@pytest.mark.slow
async def test_a_password_gets_to_its_host_and_nobody_sees_it(bots: Bots) -> None:
    with serving(bots.folder) as server:
        server.login = f"me:{SECRET}"
        url = server.url(bots.repository, f"me:{QUOTED}")
        async with bots.parts(sources_maibot=[url]) as ctx:
            await unseen(server, asyncio.create_task(versions.list_all(ctx)))
            await unseen(server, asyncio.create_task(versions.consent(ctx, "0.12.1")))
            begun = await deploy(ctx)
            await unseen(server, asyncio.create_task(ended(ctx, begun.instance_id)))
            assert (await ended(ctx, begun.instance_id)).status == "completed"
            plan = ctx.deployer.folder(begun.instance_id) / "plan.json"
            assert plan.stat().st_mode & 0o077 == 0
    assert without_login(url) in (bots.target("bot") / ".git" / "config").read_text("utf-8")
    assert [path for path in bots.target("bot").rglob("*") if holds(path)] == []
    assert [path for path in (bots.folder / "data" / "cache").rglob("*") if holds(path)] == []
    assert (bots.folder / "data" / "cache").stat().st_mode & 0o077 == 0


async def unseen(server: GitServer, work: "asyncio.Task[object]") -> None:
    """While git talks to the server, no process shows the password."""
    begun = len(server.requests)
    server.manner = "hang"
    try:
        await asyncio.to_thread(server.wait_for_requests, begun + 1)
        shown = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    finally:
        server.manner = "serve"
    await work
    assert any(str(server.port) in words for words in shown)
    assert not [words for words in shown if SECRET in words or QUOTED in words]


def holds(path: Path) -> bool:
    return path.is_file() and any(secret.encode() in path.read_bytes() for secret in (SECRET, QUOTED))
