"""URLs of repositories: which ones git may be given, and how they are shown without their secrets."""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from mailauncher.errors import InvalidParameter, Text
from mailauncher.log import mask

SCHEMES = ("https", "http", "ssh", "git")
"""Transports that a shipped recipe may use."""
LOCAL_SCHEMES = (*SCHEMES, "file")
"""Transports that the settings and a user's own recipe may use."""
URL_LENGTH = 2048

USERINFO = re.compile(r"://[^/]*@")
_URL = re.compile(r"([a-z]+)://([^/?#]*)(/.*)?")
_SCP = re.compile(r"(?:[A-Za-z0-9_][\w.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*):(?!:)[^-].*")


def check_url(url: str, schemes: Sequence[str] = SCHEMES) -> None:
    """Raises InvalidParameter unless it is the URL of a repository with one of the schemes.

    `user@host:path` counts as ssh. Helpers such as `ext::`, options and control characters are refused.
    """
    problem = _problem(url, schemes)
    if problem is not None:
        raise InvalidParameter(
            f"不能使用仓库地址 '{redacted(url)}'：{problem.zh}",
            f"Cannot use the repository '{redacted(url)}': {problem.en}",
        )


def _problem(url: str, schemes: Sequence[str]) -> Text | None:
    if not 0 < len(url) <= URL_LENGTH:
        return Text(f"应为 1-{URL_LENGTH} 个字符", f"must have 1-{URL_LENGTH} characters")
    if not url.isprintable():
        return Text("含有控制字符", "contains control characters")
    found = _URL.fullmatch(url)
    scheme = found[1] if found else "ssh" if _SCP.fullmatch(url) else ""
    if scheme not in schemes:
        allowed = ", ".join(f"{name}://" for name in schemes)
        return Text(f"应以 {allowed} 之一开头", f"must start with one of {allowed}")
    if found:
        user, _, host = found[2].rpartition("@")
        right = not found[2] if scheme == "file" else host[:1] not in ("", ":")
        if not right or len(found[3] or "") < 2:
            return Text("主机名或路径无效", "invalid host or path")
        if user.startswith("-") or host.startswith("-"):
            return Text("主机名不能以 - 开头", "the host must not start with -")
    return None


def redacted(url: str) -> str:
    """The URL for logs and messages: without user, password or token, on one line."""
    return printable(mask(USERINFO.sub("://***@", url)))[:URL_LENGTH]


def printable(text: str) -> str:
    """The text with U+FFFD in place of each character that is not printable."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def without_login(url: str) -> str:
    """The URL as an argument of git: an HTTP URL loses its user and password, because every user of the machine can read
    the arguments of a command, and a clone stores its URL. `git_environment` passes both instead."""
    return urlunsplit(split_userinfo(url)[0]) if login_of(url) else url


def split_userinfo(url: str) -> tuple[SplitResult, str]:
    """The URL without the user information before its host, and that user information. Raises ValueError."""
    split = urlsplit(url)
    userinfo, _, host = split.netloc.rpartition("@")
    return split._replace(netloc=host), userinfo


def login_of(url: str) -> tuple[str, str] | None:
    """User and password in an HTTP URL. None for a user alone, whose password comes from elsewhere, and for a URL that is
    left to git to refuse."""
    try:
        split, userinfo = split_userinfo(url)
    except ValueError:
        return None
    user, colon, password = userinfo.partition(":")
    user, password = unquote(user), unquote(password)
    usable = bool(colon) and (user + password).isprintable()
    return (user, password) if split.scheme in ("http", "https") and usable else None
