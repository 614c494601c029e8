"""Downloading a file from the first of several sources that has it. Blocks: meant for a process of its own.

A download is written to `{name}.part` beside its target and renamed once it is complete and verified. A leftover part is
resumed from the source that it came from, if that supports it (`Range` with `If-Range`).
"""

import base64
import hashlib
import http.client
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

from mailauncher import __version__, files
from mailauncher.errors import DownloadFailed, InsufficientSpace, Text

READ_TIMEOUT_S = 30.0
REDIRECTS = 5
ATTEMPTS = 3
"""Requests to one source while its connection breaks, as long as each brings something."""
PROGRESS_INTERVAL_S = 0.1
SLOW_S = 60.0
SLOW_BYTES = 64 << 10
"""A source that sends less than this in SLOW_S seconds is given up: although each read is in time, it might never end."""
_PIECE = 256 << 10
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|title|script|meta|!--)", re.IGNORECASE
)

Progress = Callable[[float | None, int], None]
"""Gets the received share, 0-1 (None where the size is unknown), and the received bytes."""


class _SourceFailed(Exception):
    """This source cannot provide the file; the text says why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


class _ConnectionBroken(_SourceFailed):
    """The connection broke before the end of the file. Another request may help."""


class _OtherVersion(_SourceFailed):
    """The source cannot resume the part: it has another version of the file, or no support for ranges."""


class _WrongContent(_SourceFailed):
    """The received content is not the expected file."""


class _Origin(msgspec.Struct, frozen=True):
    """The origin of a part: a digest of its URL, which may hold a password, and the server's validator for this version."""

    source: str
    validator: str


def download(
    urls: Sequence[str],
    to: Path,
    *,
    sha256: str = "",
    limit_bytes: int,
    on_progress: Progress = lambda _share, _received: None,
    on_note: Callable[[Text], None] = lambda _note: None,
) -> None:
    """Downloads to `to` from the first of `urls` (http or https) that has the file. Uses the proxies of the environment.

    With `sha256`, an existing file that matches is kept. `on_progress` is called at most ten times a second, and at the
    end; `on_note` gets the reason why a source was given up for the next.

    Raises DownloadFailed with every source's reason (a part that can be resumed may remain), InsufficientSpace (nothing
    remains).
    """
    part = _PartialFile(to)
    reasons: list[Text] = []
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if sha256 and files.is_file(to) and _digest(to) == sha256:
            return
        for place, url in enumerate(urls):
            try:
                _from_source(url, part, limit_bytes, on_progress)
                _check(part.file, sha256)
            except _SourceFailed as error:
                if isinstance(error, _WrongContent):
                    part.drop()
                reasons.append(Text(f"{redacted(url)}：{error.text.zh}", f"{redacted(url)}: {error.text.en}"))
                if place + 1 < len(urls):
                    on_note(
                        Text(f"{reasons[-1].zh}；改用下一个来源", f"{reasons[-1].en}; trying the next source")
                    )
            else:
                part.finish()
                return
    except OSError as error:
        if files.is_full(error):
            part.drop()
            raise InsufficientSpace(
                f"下载 {to.name} 时磁盘空间不足：请先腾出空间",
                f"Not enough disk space to download {to.name}: make room first",
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


def redacted(url: str) -> str:
    """A URL for messages: without user, password and query (which may be a signature), on one line, at most 200 characters."""
    try:
        split = urlsplit(url)
        host = split.netloc.rpartition("@")[2]
        shown = urlunsplit((split.scheme, host, split.path, "", ""))
    except ValueError:
        shown = "?"
    shown = "".join(c if c.isprintable() else "?" for c in shown)
    return shown if len(shown) <= 200 else shown[:197] + "..."


class _PartialFile:
    """The unfinished file, and beside it a record of its origin."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self.file = to.with_name(to.name + ".part")
        self._origin = to.with_name(to.name + ".part.origin")

    def origin(self) -> _Origin | None:
        try:
            return msgspec.json.decode(files.read(self._origin), type=_Origin)
        except (OSError, msgspec.MsgspecError):
            return None

    def begin(self, origin: _Origin) -> None:
        """Starts anew: what is written from now on comes from `origin`."""
        self.drop()
        if origin.validator:
            files.write(self._origin, msgspec.json.encode(origin))

    @property
    def size(self) -> int:
        try:
            return self.file.stat().st_size
        except FileNotFoundError:
            return 0

    def drop(self) -> None:
        # The file first: a kill in between leaves an origin without a file, which is harmless. A file whose origin is gone
        # would never be resumed or removed.
        self.file.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def finish(self) -> None:
        """Moves the complete file to its target; it is on the disk once this returns."""
        files.sync(self.file)
        files.move(self.file, self._to)
        self._origin.unlink(missing_ok=True)


class _Response(NamedTuple):
    """A response whose body is the file from byte `start` on; `total` is the size of the whole file, None if unknown."""

    response: http.client.HTTPResponse
    start: int
    total: int | None


def _from_source(url: str, part: _PartialFile, limit: int, on_progress: Progress) -> None:
    """Downloads into the part. Raises _SourceFailed, and OSError for the disk."""
    source = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
    for attempt in range(1, ATTEMPTS + 1):
        origin = part.origin()
        before = part.size if origin is not None and origin.source == source else 0
        headers = {"Range": f"bytes={before}-", "If-Range": origin.validator} if origin and before else {}
        try:
            with _response_to(url, headers) as response:
                answer = _checked_response(response, before, headers.get("If-Range", ""))
                if not answer.start:
                    part.begin(_Origin(source, _validator(response)))
                _save(answer, part, limit, on_progress)
        except _OtherVersion:
            part.drop()
        except _ConnectionBroken:
            if attempt == ATTEMPTS or part.size <= before:
                raise
        else:
            return
    raise _SourceFailed("服务器无法续传", "the server cannot resume the download")


def _save(answer: _Response, part: _PartialFile, limit: int, on_progress: Progress) -> None:
    if answer.total is not None and answer.total > limit:
        raise _too_large(limit)
    received, reported = answer.start, 0.0
    with part.file.open("ab") as file:
        for piece in _pieces(answer.response):
            received += len(piece)
            if received > limit:
                raise _too_large(limit)
            file.write(piece)
            now = time.monotonic()
            if now >= reported + PROGRESS_INTERVAL_S:
                reported = now
                on_progress(received / answer.total if answer.total else None, received)
    if answer.total is not None and received != answer.total:
        raise _ConnectionBroken(
            f"连接中断，收到 {received}/{answer.total} 字节",
            f"the connection broke after {received} of {answer.total} bytes",
        )
    on_progress(1.0 if answer.total else None, received)


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in pieces, as they arrive. Raises _ConnectionBroken."""
    begun, received = time.monotonic(), 0
    while True:
        try:
            piece = response.read1(_PIECE)
        except TimeoutError:
            raise _ConnectionBroken("超时", "timed out") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _ConnectionBroken(
                f"连接中断（{_short_reason(error)}）", f"the connection broke ({_short_reason(error)})"
            ) from None
        if not piece:
            return
        yield piece
        received += len(piece)
        if time.monotonic() - begun > SLOW_S:
            if received < SLOW_BYTES:
                raise _ConnectionBroken("速度过慢", "too slow")
            begun, received = time.monotonic(), 0


def _checked_response(response: http.client.HTTPResponse, wanted: int, validator: str) -> _Response:
    """The response with the place of its body in the file. Raises _OtherVersion unless that is the requested place."""
    length = None if response.chunked else _number(response.headers.get("Content-Length"))
    if response.status == 200:
        return _Response(response, 0, length)
    found = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", found)
    fits = response.status == 206 and match is not None and int(match[1]) == wanted > 0
    if not fits or match is None or _validator(response) not in ("", validator):
        raise _OtherVersion("服务器无法续传", "the server cannot resume the download")
    total = _number(match[2])
    return _Response(response, wanted, wanted + length if total is None and length is not None else total)


def _validator(response: http.client.HTTPResponse) -> str:
    """The validator of this version for `If-Range`: a strong ETag, else the modification time; empty if it has neither."""
    tag = response.headers.get("ETag", "").strip()
    found = tag if tag.startswith('"') else response.headers.get("Last-Modified", "").strip()
    return found if len(found) <= 1024 and found.isascii() and found.isprintable() else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


@contextmanager
def _response_to(url: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    """The response to a GET after redirects. Raises _SourceFailed."""
    for _ in range(REDIRECTS + 1):
        response = _send(url, headers)
        with closing(response):
            if response.status in (301, 302, 303, 307, 308):
                url = _redirected(url, response.headers.get("Location", ""))
                continue
            if response.status not in (200, 206) and not (response.status == 416 and headers):
                raise _SourceFailed(f"HTTP 状态 {response.status}", f"HTTP status {response.status}")
            yield response
            return
    raise _SourceFailed(f"重定向超过 {REDIRECTS} 次", f"more than {REDIRECTS} redirects")


def _redirected(url: str, location: str) -> str:
    """The target of a redirect: http or https, and never from https to http. Raises _SourceFailed."""
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError:
        target, before, after = location, "", ""
    if not location or after not in ("http", "https") or (before, after) == ("https", "http"):
        raise _SourceFailed(
            f"重定向到不允许的地址 {redacted(target)}",
            f"redirects to {redacted(target)}, which is not allowed",
        )
    return target


def _send(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    request = _request(url, headers)
    # No handlers for ftp:, file: and data:, and none that follow redirects or raise for a status.
    opener = urllib.request.OpenerDirector()
    try:
        for make in (urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
            opener.add_handler(make())
        answer = opener.open(request, timeout=READ_TIMEOUT_S)
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, Exception) else error
        raise _ConnectionBroken(
            f"无法连接（{_short_reason(reason)}）", f"cannot connect ({_short_reason(reason)})"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _ConnectionBroken(
            f"应答无效（{_short_reason(error)}）", f"invalid response ({_short_reason(error)})"
        ) from None
    if not isinstance(answer, http.client.HTTPResponse):
        raise _SourceFailed("代理的类型不受支持", "the proxy's type is not supported")
    return answer


def _request(url: str, headers: dict[str, str]) -> urllib.request.Request:
    """User and password in the URL become a header, because urllib does not support them. Raises _SourceFailed."""
    try:
        split = urlsplit(url)
        usable = split.scheme in ("http", "https") and bool(split.hostname) and url.isprintable()
        user, _, host = split.netloc.rpartition("@")
        bare = urlunsplit((split.scheme, host.encode("idna").decode(), split.path, split.query, ""))
    except ValueError:
        usable, user, bare = False, "", ""
    if not usable:
        raise _SourceFailed("不是 HTTP(S) 地址", "not an HTTP(S) URL")
    request = urllib.request.Request(quote(bare, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)  # noqa: S310 - checked above
    request.add_header("User-Agent", f"mailauncher/{__version__}")
    request.add_header("Accept-Encoding", "identity")
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(unquote(user).encode()).decode())
    return request


def _short_reason(error: Exception) -> str:
    """A reason without secrets: only errors of the system and of certificates are quoted, others may hold URLs and headers."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message[:100]
    if isinstance(error, OSError):
        text = error.strerror or str(error)
        return "".join(c for c in text if c.isprintable())[:100] or type(error).__name__
    return type(error).__name__


def _check(file: Path, sha256: str) -> None:
    """Raises _WrongContent unless the file can be the expected one."""
    with file.open("rb") as opened:
        start = opened.read(1024)
    if not start:
        raise _WrongContent("文件为空", "the file is empty")
    if _HTML.match(start):
        raise _WrongContent("得到的是网页而不是文件", "received a web page instead of the file")
    if sha256 and (found := _digest(file)) != sha256:
        raise _WrongContent(
            f"SHA-256 不符：应为 {sha256}，实为 {found}", f"SHA-256 is {found}, expected {sha256}"
        )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _too_large(limit: int) -> _SourceFailed:
    return _WrongContent(f"文件超过 {limit} 字节", f"the file is larger than {limit} bytes")
