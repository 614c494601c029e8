"""What git gets from this process, the user and the machine, and what it does not."""

from pathlib import Path

import pytest

from bots.fetching.git_environment import git_environment, git_options
from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from tests.support.git import GitServer, Repository, failure_of

PASSWORD = "sesame-0451"


def test_git_gets_neither_secrets_nor_another_repository(
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


def test_the_users_settings_for_reaching_hosts_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {
        "https_proxy": "http://127.0.0.1:7890",
        "GIT_SSH_COMMAND": "ssh -p 443",
        "GIT_SSL_CAINFO": "/etc/ca",
        "GIT_PROXY_COMMAND": "proxy",
    }
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    assert git_environment().items() >= kept.items()


async def test_urls_are_rewritten_by_the_users_configuration(
    tmp_path: Path, repository: Repository, server: GitServer
) -> None:
    mirror = server.url("")
    (tmp_path / "gitconfig").write_text(f'[url "{mirror}"]\n insteadOf = https://example.invalid/\n', "utf-8")
    refs = await remote_refs(["https://example.invalid/bot"])
    assert refs.tags.keys() == {"1.0.0", "1.1.0"}


async def test_a_url_that_is_rewritten_to_a_command_is_refused(tmp_path: Path) -> None:
    text = f'[url "ext::touch {tmp_path}/gone "]\n insteadOf = https://example.invalid/\n[protocol "ext"]\n allow = always\n'
    (tmp_path / "gitconfig").write_text(text, "utf-8")
    assert "ext" in await failure_of("https://example.invalid/bot")
    assert not (tmp_path / "gone").exists()


async def test_the_working_folder_of_the_server_does_not_matter(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Repository(tmp_path / "here")
    here.git("config", f"url.{here.url}.insteadOf", repository.url)
    monkeypatch.chdir(here.folder)
    assert (await remote_refs([repository.url], LOCAL_SCHEMES)).tags


async def test_a_missing_git_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Cannot run git" in await failure_of("https://example.invalid/bot")


async def test_no_password_is_asked_for(
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
    assert "could not read Username" in await failure_of(server.url(repository))
    assert not asked.exists()


def test_options_are_pairs_of_c_and_a_setting() -> None:
    words = git_options()
    assert set(words[::2]) == {"-c"}
    assert "core.hooksPath=/dev/null" in words[1::2]
