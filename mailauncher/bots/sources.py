"""Git repositories that are somebody else's: which addresses and names git may be given, how git is run without asking
anybody anything, and which tags and branches a repository has."""

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec

from mailauncher.errors import DownloadFailed, InvalidParameter, Text
from mailauncher.log import mask

log = logging.getLogger(__name__)

SCHEMES = ("https", "http", "ssh", "git")
"""Transports of a shipped recipe."""
LOCAL_SCHEMES = (*SCHEMES, "file")
"""Those of the settings and of a user's own recipe."""

REF_LENGTH = 100
URL_LENGTH = 2048
PATIENCE_S = 3.0
"""A source that is silent for so long is left alone with its answer while the next one is asked too."""
REFS_BYTES = 8 << 20
REFS = 20_000
_STALLED_S = 60
_ERRORS_BYTES = 8 << 10
_REASON_LENGTH = 300

_URL = re.compile(r"([a-z]+)://([^/?#]*)(/.*)?")
_SCP = re.compile(r"(?:[A-Za-z0-9_][\w.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*):(?!:)[^-].*")
_REF = re.compile(rf"(?![./-])(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)))[A-Za-z0-9._/-]{{1,{REF_LENGTH}}}(?<![./])")
_LISTED = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\trefs/(heads|tags)/(.+)")
_HEAD = re.compile(r"ref: refs/heads/(.+)\tHEAD")
_USERINFO = re.compile(r"://[^/]*@")

# Of the environment's own GIT_* these say how to reach a host; the others may mean another repository, or print passwords.
_KEPT = ("GIT_SSH", "GIT_SSL_", "GIT_PROXY_", "GIT_HTTP_PROXY_", "GIT_CONFIG", "GIT_EXEC_PATH")
# The user's configuration stays, for its proxies, certificates and credentials; these of it could run something here.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.interactive=false",
    "http.lowSpeedLimit=1",
    f"http.lowSpeedTime={_STALLED_S}",
)
# Named so that nothing else that we start is given them.
_USER, _PASSWORD = "MAILAUNCHER_GIT_USER", "MAILAUNCHER_GIT_PASSWORD"
_HELPER = (
    '!f() { if test "$1" = get; then '
    f'printf \'username=%s\\npassword=%s\\n\' "${_USER}" "${_PASSWORD}"; fi; }}; f'
)


class Sources(NamedTuple):
    """Where a recipe's repository is, in order of preference, and the transports that git may use for it."""

    urls: tuple[str, ...]
    schemes: tuple[str, ...] = SCHEMES


class Refs(msgspec.Struct, frozen=True):
    """What a repository has: commits by tag and by branch, only of names that `check_ref` allows. `source` is the address
    that said so, without credentials; `default` the branch that its makers mean, where that had to be asked."""

    tags: dict[str, str]
    branches: dict[str, str]
    source: str
    default: str = ""


def check_url(url: str, schemes: Sequence[str] = SCHEMES) -> None:
    """Raises InvalidParameter unless it is the address of a repository over one of the schemes.

    `user@host:path` is ssh. Helpers such as `ext::`, options and control characters are refused.
    """
    problem = _problem(url, schemes)
    if problem is not None:
        raise InvalidParameter(
            f"不能使用仓库地址 '{shown(url)}'：{problem.zh}",
            f"Cannot use the repository '{shown(url)}': {problem.en}",
        )


def _problem(url: str, schemes: Sequence[str]) -> Text | None:
    if not 0 < len(url) <= URL_LENGTH:
        return Text(f"应为 1-{URL_LENGTH} 个字符", f"it needs 1-{URL_LENGTH} characters")
    if not url.isprintable():
        return Text("含有控制字符", "it has control characters")
    found = _URL.fullmatch(url)
    scheme = found[1] if found else "ssh" if _SCP.fullmatch(url) else ""
    if scheme not in schemes:
        allowed = ", ".join(f"{name}://" for name in schemes)
        return Text(f"应以 {allowed} 之一开头", f"it must begin with one of {allowed}")
    if found:
        user, _, host = found[2].rpartition("@")
        right = not found[2] if scheme == "file" else host[:1] not in ("", ":")
        if not right or len(found[3] or "") < 2:
            return Text("主机名或路径不对", "its host or its path is not right")
        if user.startswith("-") or host.startswith("-"):
            return Text("主机名不能以 - 开头", "its host begins with a -")
    return None


def check_ref(ref: str) -> None:
    """Raises InvalidParameter unless it may be the name of a tag or branch here: 1-100 ASCII letters, digits and `._/-`,
    nothing that git or a shell reads as anything but a name."""
    if not _REF.fullmatch(ref):
        raise InvalidParameter(
            f"版本名应为 1-{REF_LENGTH} 个 ASCII 字母、数字或 ._/- 字符，且不以 . / - 开头",
            f"The name of a version has 1-{REF_LENGTH} ASCII letters, digits and ._/- signs and begins with none of . / -",
            field="version",
        )


def shown(url: str) -> str:
    """The address as it may be logged and shown: without user, password or token, and on one line."""
    return _printable(mask(_USERINFO.sub("://***@", url)))[:URL_LENGTH]


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def git_options() -> list[str]:
    """What stands between `git` and its command."""
    return [word for setting in _SETTINGS for word in ("-c", setting)]


def bare(url: str) -> str:
    """The address as git gets it: over HTTP without user and password, since everybody on the machine can see the
    arguments of a command, and a clone keeps its address. `git_environment` has both."""
    return urlunsplit(_taken_apart(url)[0]) if _login(url) else url


def _taken_apart(url: str) -> tuple[SplitResult, str]:
    """The address without whoever is named before its host, and who that is."""
    split = urlsplit(url)
    who, _, host = split.netloc.rpartition("@")
    return split._replace(netloc=host), who


def _login(url: str) -> tuple[str, str] | None:
    """User and password that an address over HTTP names. A user alone has a password elsewhere, and stays; so does what
    git refuses, for it to refuse."""
    try:
        split, who = _taken_apart(url)
    except ValueError:
        return None
    user, colon, password = who.partition(":")
    user, password = unquote(user), unquote(password)
    usable = bool(colon) and (user + password).isprintable()
    return (user, password) if split.scheme in ("http", "https") and usable else None


def _told(url: str, there: Mapping[str, str]) -> dict[str, str]:
    """Variables by which git gets the user and password of an address, for its host alone and from nobody else."""
    login = _login(url)
    if login is None:
        return {}
    split, _ = _taken_apart(url)
    before = there.get("GIT_CONFIG_COUNT", "")
    count = int(before) if before.isdecimal() else 0
    found = {"GIT_CONFIG_COUNT": str(count + 2), _USER: login[0], _PASSWORD: login[1]}
    for number, helper in enumerate(("", _HELPER), count):  # the empty one makes it forget the user's own
        found[f"GIT_CONFIG_KEY_{number}"] = f"credential.{split.scheme}://{split.netloc}.helper"
        found[f"GIT_CONFIG_VALUE_{number}"] = helper
    return found


def git_environment(schemes: Sequence[str] = SCHEMES, login: str = "") -> dict[str, str]:
    """This process's environment as git may see it: only these transports, English messages, and nobody is ever asked
    for a password, by git, ssh or a credential helper. `login`: an address whose user and password it is told."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAILAUNCHER_") and (not name.startswith("GIT_") or name.startswith(_KEPT))
    }
    fixed = {
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "",
        "GIT_ALLOW_PROTOCOL": ":".join(schemes),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "false",
        "SSH_ASKPASS_REQUIRE": "force",
        "GCM_INTERACTIVE": "never",
    }
    return kept | _told(login, kept) | fixed


async def git(
    *arguments: str,
    schemes: Sequence[str],
    timeout_s: float,
    limit_bytes: int,
    cwd: Path | None = None,
    login: str = "",
) -> bytes:
    """Runs git and returns what it printed. It does not run on after this, whatever happens. `login` as in
    `git_environment`.

    Raises DownloadFailed: git is missing, it failed, it took longer than `timeout_s`, it printed more than `limit_bytes`.
    What the message quotes of git may hold an address with its password: `remote_refs` and its like mask it.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", *git_options(), *arguments),
            cwd=cwd or Path.cwd().anchor,  # never a folder with a configuration of its own
            env=git_environment(schemes, login),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # no terminal to ask at, and a group to end
        )
    except OSError as error:
        raise DownloadFailed(
            f"无法运行 git（{error.strerror}）：请先安装 git",
            f"git cannot be run ({error.strerror}): install it first",
        ) from None
    try:
        async with asyncio.timeout(timeout_s):
            printed, errors = await asyncio.gather(
                _printed(process, limit_bytes), _last(process.stderr, _ERRORS_BYTES)
            )
            status = await process.wait()
    except TimeoutError:
        raise DownloadFailed(
            f"{timeout_s:g} 秒内没有完成", f"it was not done within {timeout_s:g} s"
        ) from None
    finally:
        _end(process)
        await process.wait()
    if len(printed) > limit_bytes:
        raise DownloadFailed(f"回答超过 {limit_bytes} 字节", f"the answer has more than {limit_bytes} bytes")
    if status != 0:
        reason = _reason(errors) or f"git: {status}"
        raise DownloadFailed(reason, reason)
    return printed


async def _printed(process: asyncio.subprocess.Process, limit: int) -> bytes:
    """Standard output; one byte more than the limit, and the end of the process, where there is more."""
    assert process.stdout is not None
    found = bytearray()
    while data := await process.stdout.read(65536):
        found += data
        if len(found) > limit:
            _end(process)
            return bytes(found[: limit + 1])
    return bytes(found)


async def _last(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    assert stream is not None
    found = b""
    while data := await stream.read(limit):
        found = (found + data)[-limit:]
    return found


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _reason(errors: bytes) -> str:
    """What was said up to the line of git's that says that it failed: ssh and the server say why before it."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", errors.decode(errors="replace")) if line.strip()]
    end = next((n for n, line in enumerate(lines, 1) if line.startswith("fatal:")), len(lines))
    why = " ".join(lines[max(0, end - 3) : end])
    return _printable(why)[:_REASON_LENGTH]


async def remote_refs(
    urls: Sequence[str],
    schemes: Sequence[str] = SCHEMES,
    timeout_s: float = 20.0,
    patience_s: float = PATIENCE_S,
) -> Refs:
    """The tags and branches of the first source that answers. Each is asked once the one before it has failed, or has
    been silent for `patience_s`, and has `timeout_s` to answer.

    Raises DownloadFailed, which says of each source why it failed; each failure is logged too.
    """
    waiting = list(dict.fromkeys(urls))
    asked: dict[asyncio.Task[Refs], str] = {}
    failures: list[tuple[str, Text]] = []
    try:
        while waiting or asked:
            if waiting:
                url = waiting.pop(0)
                asked[asyncio.create_task(_refs(url, schemes, timeout_s))] = url
            done, _ = await asyncio.wait(
                asked, timeout=patience_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                url = asked.pop(task)
                try:
                    return task.result()
                except (DownloadFailed, InvalidParameter) as error:
                    failures.append(failed(url, error.text))
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    raise unreachable(failures)


def failed(url: str, why: Text) -> tuple[str, Text]:
    """Logs that a source failed; it and the reason, both as they may be shown."""
    address = shown(url)
    text = Text(*(_without_secrets(said, url) for said in why))
    log.warning("source %s: %s", address, text.en)
    return address, text


def unreachable(failures: Sequence[tuple[str, Text]]) -> DownloadFailed:
    """What to raise when every source has failed."""
    zh = "；".join(f"{url}：{text.zh}" for url, text in failures) or "没有配置来源"
    en = "; ".join(f"{url}: {text.en}" for url, text in failures) or "none is configured"
    return DownloadFailed(
        f"没有可用的来源（{zh}）。请检查网络与代理，或在设置或配方中更换地址",
        f"No source could be used ({en}). Check network and proxy, or change the address in the settings or the recipe",
    )


def _without_secrets(text: str, url: str) -> str:
    user = _USERINFO.search(url)
    found = user[0].removeprefix("://").removesuffix("@") if user else ""
    secrets = {url, found, found.partition(":")[2]}
    for secret in sorted(secrets | {unquote(secret) for secret in secrets}, key=len, reverse=True):
        if secret:
            text = text.replace(secret, shown(secret) if secret == url else "***")
    return mask(text)


async def _refs(url: str, schemes: Sequence[str], timeout_s: float) -> Refs:
    check_url(url, schemes)
    printed = await git(
        *("ls-remote", "--tags", "--heads", "--", bare(url)),
        schemes=schemes,
        login=url,
        timeout_s=timeout_s,
        limit_bytes=REFS_BYTES,
    )
    refs = _read(printed, shown(url))
    if refs.tags or "main" in refs.branches or not refs.branches:
        return refs
    printed = await git(
        *("ls-remote", "--symref", "--", bare(url), "HEAD"),
        schemes=schemes,
        login=url,
        timeout_s=timeout_s,
        limit_bytes=REFS_BYTES,
    )
    head = _HEAD.search(printed.decode(errors="replace"))
    default = head[1] if head and head[1] in refs.branches else min(refs.branches)
    return msgspec.structs.replace(refs, default=default)


def _read(printed: bytes, source: str) -> Refs:
    """Raises DownloadFailed where there are more names than anybody chooses from."""
    found: dict[str, dict[str, str]] = {"tags": {}, "heads": {}}
    lines = printed.decode(errors="replace").split("\n")
    if len(lines) > REFS:
        raise DownloadFailed(f"超过 {REFS} 个标签与分支", f"it has more than {REFS} tags and branches")
    for line in lines:
        match = _LISTED.fullmatch(line)
        if match is None:
            continue
        commit, kind, name = match.groups()
        # The commit that an annotated tag leads to has a line of its own after the tag's.
        name = name.removesuffix("^{}")
        if _REF.fullmatch(name):
            found[kind][name] = commit
    return Refs(tags=found["tags"], branches=found["heads"], source=source)
