"""Several sources of one repository: the order in which they are asked, and how they fail."""

import asyncio
import logging
from pathlib import Path

import psutil
import pytest

from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from bots.fetching.sources import source_failure
from mailauncher.errors import Text
from tests.support.context import free_port, lives
from tests.support.git import GitServer, Manner, Repository, failure_of

PASSWORD = "sesame-0451"


def gits() -> list[int]:
    """Processes of git that this one started."""
    found = psutil.Process().children(recursive=True)
    return [process.pid for process in found if process.name().startswith("git") and lives(process.pid)]


async def test_after_a_source_that_works_no_other_is_asked(repository: Repository, server: GitServer) -> None:
    refs = await remote_refs([repository.url, server.url(repository)], LOCAL_SCHEMES)
    assert refs.source == repository.url
    assert server.requests == []


@pytest.mark.parametrize("manner", [404, 500, 401, "cut"])
async def test_after_a_failed_source_the_next_one_is_asked(
    repository: Repository, server: GitServer, manner: Manner, caplog: pytest.LogCaptureFixture
) -> None:
    server.manner = manner
    broken = server.url(repository, f"user:{PASSWORD}")
    refs = await remote_refs([broken, repository.url], LOCAL_SCHEMES)
    assert refs.source == repository.url
    assert server.requests
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert f"127.0.0.1:{server.port}" in record.getMessage()
    assert PASSWORD not in record.getMessage()


async def test_after_an_unreachable_mirror_the_next_source_is_asked(repository: Repository) -> None:
    dead = f"http://127.0.0.1:{free_port()}/bot"
    assert (await remote_refs([dead, repository.url], LOCAL_SCHEMES)).source == repository.url


async def test_after_a_refused_url_the_next_source_is_asked(tmp_path: Path, repository: Repository) -> None:
    helper = f"ext::touch {tmp_path}/gone"
    assert (await remote_refs([helper, repository.url], LOCAL_SCHEMES)).source == repository.url
    assert not (tmp_path / "gone").exists()


async def test_a_silent_source_does_not_delay_the_next_one(repository: Repository, server: GitServer) -> None:
    server.manner = "hang"
    refs = await remote_refs([server.url(repository), repository.url], LOCAL_SCHEMES, patience_s=0.05)
    assert refs.source == repository.url
    assert gits() == []


async def test_a_slow_source_may_still_answer_while_the_next_one_is_asked(
    repository: Repository, server: GitServer
) -> None:
    server.manner = "hang"
    urls = [server.url(repository), server.url(repository) + "/.git"]
    asking = asyncio.create_task(remote_refs(urls, patience_s=0.05))
    await asyncio.to_thread(server.wait_for_requests, 2)
    server.manner = "serve"
    assert (await asking).source in urls


async def test_if_all_sources_fail_each_is_named_with_its_reason_without_passwords(
    tmp_path: Path, repository: Repository, server: GitServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.manner = 404
    port = free_port()
    said = await failure_of(
        server.url(repository, f"user:{PASSWORD}"),
        f"http://{PASSWORD}@127.0.0.1:{port}/bot",
        (tmp_path / "nowhere").as_uri(),
        f"ftp://user:{PASSWORD}@127.0.0.1/bot",
    )
    assert f"127.0.0.1:{server.port}" in said
    assert "not found" in said
    assert f"127.0.0.1:{port}" in said
    assert "nowhere" in said
    assert "must start with" in said
    assert PASSWORD not in said + caplog.text
    assert len(caplog.records) == 4


def test_passwords_in_messages_of_git_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    """Git leaves passwords out of its messages; ssh, proxies and helpers need not."""
    said = f"{PASSWORD}+ and {PASSWORD}%2B and user:{PASSWORD}%2B@example.org"
    address, why = source_failure(f"https://user:{PASSWORD}%2B@example.org/bot", Text(said, said))
    assert address == "https://***@example.org/bot"
    assert why.en == "*** and *** and ***@example.org"
    assert PASSWORD not in why.zh + caplog.text


async def test_the_absence_of_sources_is_reported() -> None:
    assert "none is configured" in await failure_of()


async def test_a_source_that_does_not_answer_is_given_up(repository: Repository, server: GitServer) -> None:
    server.manner = "hang"
    assert "not done within 0.1 s" in await failure_of(server.url(repository), timeout_s=0.1)
    assert gits() == []


async def test_cancelling_ends_git(repository: Repository, server: GitServer) -> None:
    server.manner = "hang"
    asking = asyncio.create_task(remote_refs([server.url(repository)]))
    await asyncio.to_thread(server.wait_for_requests, 1)
    assert gits()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gits() == []


async def test_messages_of_a_server_are_printable() -> None:
    """Git prints what the other side sends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"gone \x1b[2J\x07 really\n" * 100
        writer.write(b"HTTP/1.0 404 Gone\r\nContent-Type: text/plain\r\n\r\n" + body)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        said = await failure_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bot")
    assert "gone" in said
    assert said.isprintable()
    assert len(said) < 1000
