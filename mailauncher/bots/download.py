"""Downloading a file from the first of several sources that has it. Blocks: meant for a process of its own.

A download goes to `{name}.part` beside its target and is renamed when it is whole and what it should be. A part that was
left behind is carried on with where its server can (`Range` with `If-Range`), and only from the source that it came from.
"""

import base64
import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

import msgspec

from mailauncher import __version__
from mailauncher.bots.unpacked import no_space
from mailauncher.errors import DownloadFailed, InsufficientSpace, Text

READ_TIMEOUT_S = 30.0
REDIRECTS = 5
ATTEMPTS = 3
"""How often one source is asked again after its connection broke, as long as something came."""
TELL_EVERY_S = 0.1
SLOW_S = 60.0
SLOW_BYTES = 64 << 10
"""A source that sends less than this in SLOW_S seconds is given up: each read may be in time and the whole never end."""
_PIECE = 256 << 10
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|title|script|meta|!--)", re.IGNORECASE
)

Progress = Callable[[float | None, int], None]
"""The share that is there, 0-1, or None where the size is not known, and the bytes."""


class _Useless(Exception):
    """This source does not have the file, for a reason."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


class _Broken(_Useless):
    """The connection ended before the file did: it may be asked again."""


class _Stale(_Useless):
    """It has another version than the one that there is a part of."""


class _Wrong(_Useless):
    """What it sent is not what was wanted."""


class _Origin(msgspec.Struct, frozen=True):
    """Where a part came from: a digest of the URL, which may hold a password, and the server's name for this version."""

    source: str
    validator: str


def fetch(
    urls: Sequence[str],
    to: Path,
    *,
    sha256: str = "",
    limit_bytes: int,
    on_progress: Progress = lambda _share, _received: None,
    on_note: Callable[[Text], None] = lambda _note: None,
) -> None:
    """Downloads to `to`, from the first of `urls` (http or https) that has it. Proxies of the environment are used.

    With `sha256` a file that is there already and right is left as it is. `on_progress` is called at most ten times a
    second, and at the end; `on_note` says why a source was left for the next.

    Raises DownloadFailed with every source's reason (nothing but a part to carry on with is left), InsufficientSpace
    (nothing is left).
    """
    part = _Part(to)
    reasons: list[Text] = []
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if sha256 and to.is_file() and _digest(to) == sha256:
            return
        for place, url in enumerate(urls):
            try:
                _from_source(url, part, limit_bytes, on_progress)
                _check(part.file, sha256)
            except _Useless as error:
                if isinstance(error, _Wrong):
                    part.drop()
                reasons.append(Text(f"{masked(url)}：{error.text.zh}", f"{masked(url)}: {error.text.en}"))
                if place + 1 < len(urls):
                    on_note(
                        Text(f"{reasons[-1].zh}；改用下一个来源", f"{reasons[-1].en}; trying the next source")
                    )
            else:
                part.finish()
                return
    except OSError as error:
        if no_space(error):
            part.drop()
            raise InsufficientSpace(
                f"下载 {to.name} 时磁盘空间不足：请先腾出空间",
                f"No space left on the disk to download {to.name}: make room first",
            ) from error
        raise DownloadFailed(
            f"无法保存 {to.name}：{error.strerror}", f"Cannot save {to.name}: {error.strerror}"
        ) from error
    if part.origin() is None:
        part.drop()
    raise DownloadFailed(
        f"下载 {to.name} 失败：" + "；".join(reason.zh for reason in reasons),
        f"Downloading {to.name} failed: " + "; ".join(reason.en for reason in reasons),
    )


def masked(url: str) -> str:
    """A URL as it may be shown: no user, no password, no query (which may be a signature), one line, not long."""
    try:
        split = urlsplit(url)
        host = split.netloc.rpartition("@")[2]
        shown = urlunsplit((split.scheme, host, split.path, "", ""))
    except ValueError:
        shown = "?"
    shown = "".join(c if c.isprintable() else "?" for c in shown)
    return shown if len(shown) <= 200 else shown[:197] + "..."


class _Part:
    """The unfinished file, and beside it where it came from."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self.file = to.with_name(to.name + ".part")
        self._origin = to.with_name(to.name + ".part.origin")

    def origin(self) -> _Origin | None:
        try:
            return msgspec.json.decode(self._origin.read_bytes(), type=_Origin)
        except (OSError, msgspec.MsgspecError):
            return None

    def begin(self, origin: _Origin) -> None:
        """Forgets what is there; what comes is from `origin`."""
        self.drop()
        if origin.validator:
            self._origin.write_bytes(msgspec.json.encode(origin))

    @property
    def size(self) -> int:
        try:
            return self.file.stat().st_size
        except FileNotFoundError:
            return 0

    def drop(self) -> None:
        # The file first: without an origin it would be of no use, an origin without it does no harm.
        self.file.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def finish(self) -> None:
        """Puts the whole file in its place, safe from a power cut."""
        descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
        with closing(os.fdopen(descriptor, "rb")):
            os.fsync(descriptor)
        self.file.replace(self._to)
        self._origin.unlink(missing_ok=True)
        folder = os.open(self._to.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Answer(NamedTuple):
    """A response whose body is the file from byte `start` on; `total` is the whole file's size, None if not known."""

    response: http.client.HTTPResponse
    start: int
    total: int | None


def _from_source(url: str, part: _Part, limit: int, on_progress: Progress) -> None:
    """Downloads into the part. Raises _Useless, and OSError of the disk."""
    source = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
    for attempt in range(1, ATTEMPTS + 1):
        origin = part.origin()
        before = part.size if origin is not None and origin.source == source else 0
        headers = {"Range": f"bytes={before}-", "If-Range": origin.validator} if origin and before else {}
        try:
            with _opened(url, headers) as response:
                answer = _read_head(response, before, headers.get("If-Range", ""))
                if not answer.start:
                    part.begin(_Origin(source, _validator(response)))
                _save(answer, part, limit, on_progress)
        except _Stale:
            part.drop()
        except _Broken:
            if attempt == ATTEMPTS or part.size <= before:
                raise
        else:
            return
    raise _Useless("服务器无法续传", "the server cannot carry on with the part")


def _save(answer: _Answer, part: _Part, limit: int, on_progress: Progress) -> None:
    if answer.total is not None and answer.total > limit:
        raise _too_large(limit)
    received, told = answer.start, 0.0
    with part.file.open("ab") as file:
        for piece in _pieces(answer.response):
            received += len(piece)
            if received > limit:
                raise _too_large(limit)
            file.write(piece)
            now = time.monotonic()
            if now >= told + TELL_EVERY_S:
                told = now
                on_progress(received / answer.total if answer.total else None, received)
    if answer.total is not None and received != answer.total:
        raise _Broken(
            f"连接中断，收到 {received}/{answer.total} 字节",
            f"the connection broke after {received} of {answer.total} bytes",
        )
    on_progress(1.0 if answer.total else None, received)


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What comes, as it comes. Raises _Broken."""
    begun, received = time.monotonic(), 0
    while True:
        try:
            piece = response.read1(_PIECE)
        except TimeoutError:
            raise _Broken("超时", "it timed out") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _Broken(f"连接中断（{_short(error)}）", f"the connection broke ({_short(error)})") from None
        if not piece:
            return
        yield piece
        received += len(piece)
        if time.monotonic() - begun > SLOW_S:
            if received < SLOW_BYTES:
                raise _Broken("速度过慢", "it is too slow")
            begun, received = time.monotonic(), 0


def _read_head(response: http.client.HTTPResponse, wanted: int, validator: str) -> _Answer:
    """Where the body begins in the file. Raises _Stale if that is not where it was wanted to begin."""
    length = None if response.chunked else _number(response.headers.get("Content-Length"))
    if response.status == 200:
        return _Answer(response, 0, length)
    found = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", found)
    fits = response.status == 206 and match is not None and int(match[1]) == wanted > 0
    if not fits or match is None or _validator(response) not in ("", validator):
        raise _Stale("服务器无法续传", "the server cannot carry on with the part")
    total = _number(match[2])
    return _Answer(response, wanted, wanted + length if total is None and length is not None else total)


def _validator(response: http.client.HTTPResponse) -> str:
    """What names this version of the file for `If-Range`: a strong ETag, else when it was changed."""
    tag = response.headers.get("ETag", "").strip()
    found = tag if tag.startswith('"') else response.headers.get("Last-Modified", "").strip()
    return found if len(found) <= 1024 and found.isascii() and found.isprintable() else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


@contextmanager
def _opened(url: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    """The answer to a GET, redirects followed. Raises _Useless."""
    for _ in range(REDIRECTS + 1):
        response = _ask(url, headers)
        with closing(response):
            if response.status in (301, 302, 303, 307, 308):
                url = _redirected(url, response.headers.get("Location", ""))
                continue
            if response.status not in (200, 206) and not (response.status == 416 and headers):
                raise _Useless(f"HTTP 状态 {response.status}", f"HTTP status {response.status}")
            yield response
            return
    raise _Useless(f"重定向超过 {REDIRECTS} 次", f"more than {REDIRECTS} redirects")


def _redirected(url: str, location: str) -> str:
    """Where a redirect leads: http or https, and never from https back to http."""
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError:
        target, before, after = location, "", ""
    if not location or after not in ("http", "https") or (before, after) == ("https", "http"):
        raise _Useless(
            f"重定向到不允许的地址 {masked(target)}",
            f"it redirects to {masked(target)}, which is not allowed",
        )
    return target


def _ask(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    request = _request(url, headers)
    # No handlers for ftp:, file: and data:, and none that follow redirects or raise for a status.
    opener = urllib.request.OpenerDirector()
    try:
        for make in (urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
            opener.add_handler(make())
        answer = opener.open(request, timeout=READ_TIMEOUT_S)
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, Exception) else error
        raise _Broken(f"无法连接（{_short(reason)}）", f"it cannot be reached ({_short(reason)})") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Broken(f"应答无效（{_short(error)}）", f"its answer is invalid ({_short(error)})") from None
    if not isinstance(answer, http.client.HTTPResponse):
        raise _Useless("代理的类型不受支持", "the proxy of the environment is of no supported kind")
    return answer


def _request(url: str, headers: dict[str, str]) -> urllib.request.Request:
    """A user and password in the URL become a header, as urllib knows them not."""
    try:
        split = urlsplit(url)
        usable = split.scheme in ("http", "https") and bool(split.hostname) and url.isprintable()
        user, _, host = split.netloc.rpartition("@")
        bare = urlunsplit((split.scheme, host.encode("idna").decode(), split.path, split.query, ""))
    except ValueError:
        usable, user, bare = False, "", ""
    if not usable:
        raise _Useless("不是 http 或 https 地址", "it is no http or https address")
    request = urllib.request.Request(quote(bare, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)  # noqa: S310 - checked above
    request.add_header("User-Agent", f"mailauncher/{__version__}")
    request.add_header("Accept-Encoding", "identity")
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(unquote(user).encode()).decode())
    return request


def _short(error: Exception) -> str:
    """A reason without what may be secret: others than those of the system quote URLs and headers."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message[:100]
    if isinstance(error, OSError):
        text = error.strerror or str(error)
        return "".join(c for c in text if c.isprintable())[:100] or type(error).__name__
    return type(error).__name__


def _check(file: Path, sha256: str) -> None:
    """Raises _Wrong unless it can be what was wanted."""
    with file.open("rb") as opened:
        start = opened.read(1024)
    if not start:
        raise _Wrong("文件为空", "the file is empty")
    if _HTML.match(start):
        raise _Wrong("得到的是网页而不是文件", "it sent a web page, not the file")
    if sha256 and (found := _digest(file)) != sha256:
        raise _Wrong(
            f"SHA-256 不符：应为 {sha256}，实为 {found}", f"its SHA-256 is {found}, it should be {sha256}"
        )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _too_large(limit: int) -> _Useless:
    return _Wrong(f"文件超过 {limit} 字节", f"the file is larger than {limit} bytes")
