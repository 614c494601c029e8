"""Repositories that are somebody else's: which may be asked, how they fail, and what they have."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailauncher.bots import sources
from mailauncher.bots.sources import (
    LOCAL_SCHEMES,
    check_ref,
    check_url,
    failed,
    git_environment,
    git_options,
    remote_refs,
    shown,
)
from mailauncher.errors import DownloadFailed, InvalidParameter, Text
from tests.support.context import free_port
from tests.support.git import GitServer, Manner, Repository, released, serving

PASSWORD = "sesame-0451"


@pytest.fixture(autouse=True)
def _configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose configuration of git is empty and stands in `gitconfig`."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two tags, the branches `main` and `dev`."""
    return released(
        tmp_path / "served" / "bot", None, {"1.0.0": {"a": "1"}, "1.1.0": {"a": "2"}}, {"dev": {"a": "3"}}
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir(exist_ok=True)
    with serving(tmp_path / "served") as server:
        yield server


async def refused(*urls: str, timeout_s: float = 10.0) -> str:
    """What is said of sources of which none can be used."""
    with pytest.raises(DownloadFailed) as caught:
        await remote_refs(urls, LOCAL_SCHEMES, timeout_s)
    assert caught.value.text.zh != caught.value.text.en
    return caught.value.text.en


def gits() -> list[int]:
    """Processes of git that this one started."""
    found = psutil.Process().children(recursive=True)
    return [process.pid for process in found if process.status() != psutil.STATUS_ZOMBIE]


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Mai-with-u/MaiBot",
        "https://user:pass@example.org:8443/a/b.git",
        "http://127.0.0.1:8000/bot",
        "ssh://git@example.org/bot.git",
        "git://example.org/bot",
        "git@example.org:group/bot.git",
        "https://[::1]:8000/bot",
        "https://例子.中国/机器人",
    ],
)
def test_an_address_over_a_known_transport_may_be_asked(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bot",
        "/srv/bot",
        "../bot",
        "C:\\bot",
        "file:///srv/bot",
        "ext::sh -c touch% gone",
        "fd::17",
        "https::https://example.org/bot",
        "ftp://example.org/bot",
        "git+ssh://example.org/bot",
        "HTTPS://example.org/bot",
        "--upload-pack=touch gone",
        "-https://example.org/bot",
        "https://",
        "https:///bot",
        "https://example.org",
        "https://example.org/",
        "https://-oProxyCommand=x/bot",
        "ssh://-oProxyCommand=x/bot",
        "ssh://-oProxyCommand=x@example.org/bot",
        "ssh://git@-oProxyCommand=x/bot",
        "git@-oProxyCommand=x:bot",
        "-oProxyCommand@example.org:bot",
        "git@example.org:-bot",
        "git@example.org::bot",
        "git@example.org:",
        "https://example.org/bot\n",
        "https://example.org/\x1b[2Jbot",
        "https://example.org/bot\0",
        "https://example.org/bot\u2028",
        "https://example.org/\udc80",
        "https://example.org/" + "a" * 2048,
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameter):
        check_url(url)


def test_a_folder_is_a_source_only_where_local_ones_are_allowed() -> None:
    check_url("file:///srv/my bots/bot", LOCAL_SCHEMES)
    for url in ("file://", "file:///", "file://host/bot", "file://-x/bot"):
        with pytest.raises(InvalidParameter):
            check_url(url, LOCAL_SCHEMES)


def test_an_address_that_is_refused_is_told_without_its_password() -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_url(f"ftp://user:{PASSWORD}@example.org/bot")
    assert PASSWORD not in str(caught.value.text)
    assert "example.org" in caught.value.text.zh


@given(st.text(min_size=1).filter(lambda text: "/" not in text))
def test_who_is_named_in_an_address_is_never_shown(secret: str) -> None:
    assert shown(f"https://{secret}@example.org/bot") == "https://***@example.org/bot"


def test_a_long_password_and_one_in_the_query_are_not_shown_either() -> None:
    assert (
        shown(f"https://u:{'x' * 2000}@example.org/bot?token={PASSWORD}")
        == "https://***@example.org/bot?token=***"
    )


# Names


@pytest.mark.parametrize(
    "ref",
    ["main", "1.2.1", "v4.18.19", "0.6.3-fix4-alpha", "perf/starting_time", "claude/x-Q9GVh", "_", "a" * 100],
)
def test_the_names_that_people_give_are_allowed(ref: str) -> None:
    check_ref(ref)


@pytest.mark.parametrize(
    "ref",
    [
        *(
            "",
            "a" * 101,
            "-b",
            "--upload-pack=x",
            "/a",
            "a/",
            ".a",
            "a.",
            "a..b",
            "a//b",
            "a/.b",
            "a@{1}",
            "@",
            "HEAD^",
        ),
        *(
            "a.lock",
            "a.lock/b",
            "a b",
            "a\n",
            "a\0",
            "a~1",
            "a:b",
            "a?",
            "a*",
            "a[b",
            "a\\b",
            "a;b",
            "$(a)",
            "版本",
            "ａ",
            "1.0\n",
        ),
    ],
)
def test_what_git_or_a_shell_could_take_for_something_else_is_no_name(ref: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_ref(ref)
    assert caught.value.field == "version"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="ab1./-_l", min_size=1, max_size=8)
    | st.sampled_from(["a.lock", "a/b.lock", "a.lock/b", "lock"])
)
def test_a_name_that_is_allowed_is_one_that_git_allows(
    tmp_path_factory: pytest.TempPathFactory, ref: str
) -> None:
    try:
        check_ref(ref)
    except InvalidParameter:
        return
    folder = tmp_path_factory.mktemp("names") / "repository"
    Repository(folder).git("check-ref-format", f"refs/tags/{ref}")


# How git is run


def test_git_is_given_neither_our_secrets_nor_somebody_elses_repository(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAILAUNCHER_TOKEN", PASSWORD)
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_TRACE_CURL", "1")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    monkeypatch.setenv("GIT_ASKPASS", "/usr/bin/ask")
    found = git_environment(("https", "ssh"))
    assert PASSWORD not in found.values()
    assert "GIT_DIR" not in found
    assert "GIT_TRACE_CURL" not in found
    assert found["GIT_ALLOW_PROTOCOL"] == "https:ssh"
    assert found["GIT_ASKPASS"] == ""


def test_what_a_user_has_set_to_reach_a_host_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {
        "https_proxy": "http://127.0.0.1:7890",
        "GIT_SSH_COMMAND": "ssh -p 443",
        "GIT_SSL_CAINFO": "/etc/ca",
        "GIT_PROXY_COMMAND": "proxy",
    }
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    assert git_environment().items() >= kept.items()


async def test_addresses_are_rewritten_as_the_users_configuration_says(
    tmp_path: Path, repository: Repository, server: GitServer
) -> None:
    mirror = server.url("")
    (tmp_path / "gitconfig").write_text(f'[url "{mirror}"]\n insteadOf = https://example.invalid/\n', "utf-8")
    refs = await remote_refs(["https://example.invalid/bot"])
    assert refs.tags.keys() == {"1.0.0", "1.1.0"}


async def test_an_address_that_is_rewritten_into_a_command_is_not_asked(tmp_path: Path) -> None:
    text = f'[url "ext::touch {tmp_path}/gone "]\n insteadOf = https://example.invalid/\n[protocol "ext"]\n allow = always\n'
    (tmp_path / "gitconfig").write_text(text, "utf-8")
    assert "ext" in await refused("https://example.invalid/bot")
    assert not (tmp_path / "gone").exists()


async def test_the_folder_that_the_server_was_started_in_has_no_say(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Repository(tmp_path / "here")
    here.git("config", f"url.{here.url}.insteadOf", repository.url)
    monkeypatch.chdir(here.folder)
    assert (await remote_refs([repository.url], LOCAL_SCHEMES)).tags


async def test_without_git_it_is_said_that_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git cannot be run" in await refused("https://example.invalid/bot")


async def test_nobody_is_asked_for_a_password(
    tmp_path: Path, repository: Repository, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\ntouch '{asked}'\n", "utf-8")
    ask.chmod(0o700)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(ask))
    (tmp_path / "gitconfig").write_text(f"[core]\n askPass = {ask}\n", "utf-8")
    server.manner = 401
    assert "could not read Username" in await refused(server.url(repository))
    assert not asked.exists()


def test_options_stand_before_the_command_in_pairs() -> None:
    words = git_options()
    assert set(words[::2]) == {"-c"}
    assert "core.hooksPath=/dev/null" in words[1::2]


# What a repository has


@pytest.mark.parametrize("way", ["file", "http"])
async def test_tags_and_branches_lead_to_their_commits(
    repository: Repository, server: GitServer, way: str
) -> None:
    url = repository.url if way == "file" else server.url(repository)
    refs = await remote_refs([url], LOCAL_SCHEMES)
    assert refs.tags == {name: repository.git("rev-parse", name) for name in ("1.0.0", "1.1.0")}
    assert refs.branches == {name: repository.git("rev-parse", name) for name in ("main", "dev")}
    assert refs.source == url


async def test_an_annotated_tag_leads_to_its_commit_not_to_itself(repository: Repository) -> None:
    repository.tag("1.2.0", annotated=True)
    refs = await remote_refs([repository.url], LOCAL_SCHEMES)
    assert refs.tags["1.2.0"] == repository.head
    assert refs.tags["1.2.0"] != repository.git("rev-parse", "1.2.0")


async def test_names_that_are_not_allowed_are_left_out(repository: Repository) -> None:
    for name in ("版本一", "a@b", "x" * 101, "$(touch)", "a;b", "ｍ"):
        repository.git("update-ref", f"refs/tags/{name}", "HEAD")
    repository.git("update-ref", "refs/heads/-x", "HEAD")
    refs = await remote_refs([repository.url], LOCAL_SCHEMES)
    assert refs.tags.keys() == {"1.0.0", "1.1.0"}
    assert refs.branches.keys() == {"main", "dev"}


async def test_an_empty_repository_has_nothing(tmp_path: Path) -> None:
    refs = await remote_refs([Repository(tmp_path / "empty").url], LOCAL_SCHEMES)
    assert (refs.tags, refs.branches, refs.default) == ({}, {}, "")


async def test_where_neither_tag_nor_main_is_the_makers_own_branch_is_known(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "old", branch="trunk")
    repository.commit()
    repository.branch("attic")
    assert (await remote_refs([repository.url], LOCAL_SCHEMES)).default == "trunk"


async def test_a_repository_with_more_names_than_anybody_reads_is_refused(repository: Repository) -> None:
    commit = repository.head
    lines = "".join(f"{commit} refs/tags/1.0.{n}\n" for n in range(sources.REFS + 1))
    (repository.folder / ".git/packed-refs").write_text(lines, "ascii")
    assert f"more than {sources.REFS}" in await refused(repository.url)


async def test_an_endless_answer_is_cut(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "REFS_BYTES", 100)
    assert "more than 100 bytes" in await refused(repository.url)


# Sources in order


async def test_the_first_source_that_works_is_the_only_one_asked(
    repository: Repository, server: GitServer
) -> None:
    refs = await remote_refs([repository.url, server.url(repository)], LOCAL_SCHEMES)
    assert refs.source == repository.url
    assert server.requests == []


@pytest.mark.parametrize("manner", [404, 500, 401, "cut"])
async def test_a_source_that_fails_is_followed_by_the_next(
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


async def test_a_dead_mirror_is_followed_by_the_next(repository: Repository) -> None:
    dead = f"http://127.0.0.1:{free_port()}/bot"
    assert (await remote_refs([dead, repository.url], LOCAL_SCHEMES)).source == repository.url


async def test_an_address_that_is_refused_is_followed_by_the_next(
    tmp_path: Path, repository: Repository
) -> None:
    helper = f"ext::touch {tmp_path}/gone"
    assert (await remote_refs([helper, repository.url], LOCAL_SCHEMES)).source == repository.url
    assert not (tmp_path / "gone").exists()


async def test_a_silent_source_does_not_keep_the_next_one_waiting(
    repository: Repository, server: GitServer
) -> None:
    server.manner = "hang"
    refs = await remote_refs([server.url(repository), repository.url], LOCAL_SCHEMES, patience_s=0.05)
    assert refs.source == repository.url
    assert gits() == []


async def test_a_slow_source_still_counts_while_the_next_one_is_asked(
    repository: Repository, server: GitServer
) -> None:
    server.manner = "hang"
    urls = [server.url(repository), server.url(repository) + "/.git"]
    asking = asyncio.create_task(remote_refs(urls, patience_s=0.05))
    await asyncio.to_thread(server.wait_for_requests, 2)
    server.manner = "serve"
    assert (await asking).source in urls


async def test_when_all_fail_each_is_named_with_its_reason_and_without_passwords(
    tmp_path: Path, repository: Repository, server: GitServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.manner = 404
    port = free_port()
    said = await refused(
        server.url(repository, f"user:{PASSWORD}"),
        f"http://{PASSWORD}@127.0.0.1:{port}/bot",
        (tmp_path / "nowhere").as_uri(),
        f"ftp://user:{PASSWORD}@127.0.0.1/bot",
    )
    assert f"127.0.0.1:{server.port}" in said
    assert "not found" in said
    assert f"127.0.0.1:{port}" in said
    assert "nowhere" in said
    assert "must begin with" in said
    assert PASSWORD not in said + caplog.text
    assert len(caplog.records) == 4


def test_what_git_quotes_of_an_address_is_told_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    """Git leaves passwords out of its messages; ssh, proxies and helpers need not."""
    said = f"{PASSWORD}+ and {PASSWORD}%2B and user:{PASSWORD}%2B@example.org"
    address, why = failed(f"https://user:{PASSWORD}%2B@example.org/bot", Text(said, said))
    assert address == "https://***@example.org/bot"
    assert why.en == "*** and *** and ***@example.org"
    assert PASSWORD not in why.zh + caplog.text


async def test_without_any_source_it_is_said_that_none_is_configured() -> None:
    assert "none is configured" in await refused()


async def test_a_source_that_never_answers_is_given_up(repository: Repository, server: GitServer) -> None:
    server.manner = "hang"
    assert "not done within 0.1 s" in await refused(server.url(repository), timeout_s=0.1)
    assert gits() == []


async def test_whoever_stops_waiting_leaves_no_git_behind(repository: Repository, server: GitServer) -> None:
    server.manner = "hang"
    asking = asyncio.create_task(remote_refs([server.url(repository)]))
    await asyncio.to_thread(server.wait_for_requests, 1)
    assert gits()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gits() == []


async def test_what_a_server_says_cannot_steer_a_terminal() -> None:
    """Git prints what the other side sends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"gone \x1b[2J\x07 really\n" * 100
        writer.write(b"HTTP/1.0 404 Gone\r\nContent-Type: text/plain\r\n\r\n" + body)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        said = await refused(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bot")
    assert "gone" in said
    assert said.isprintable()
    assert len(said) < 1000
