"""Downloads: from the first source that has the file, resumed, verified, and complete or not there."""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bots.fetching import download
from mailauncher.errors import DownloadFailed, InsufficientSpace, Text
from tests.support.context import free_port
from tests.support.small_disk import small_disk

CONTENT = os.urandom(400_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LIMIT = 1 << 20

Page = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers each path with the test's function for it, and records the requests."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers.items())))
        self.close_connection = True
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self.give(404, b"<html>none</html>")
        else:
            page(self)

    def give(self, status: int, body: bytes, *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


class Server(ThreadingHTTPServer):
    """A server on a free port of the loopback interface."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str = "/file") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that disconnect are part of these tests."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def whole(handler: Handler) -> None:
    handler.give(200, CONTENT)


def resumable(handler: Handler, *, cut: int | None = None, tag: str = '"v1"') -> None:
    """Supports resuming; the first response stops after `cut` bytes."""
    wanted = handler.headers.get("Range")
    if wanted and handler.headers.get("If-Range") == tag:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.give(206, CONTENT[start:], ETag=tag, Content_Range=span)
    else:
        handler.give(200, CONTENT[:cut], length=len(CONTENT), ETag=tag)


def broken(handler: Handler) -> None:
    resumable(handler, cut=150_000)


def fetch(urls: list[str], to: Path, **given: Any) -> list[Text]:
    """Downloads and returns the notes."""
    notes: list[Text] = []
    wishes: dict[str, Any] = {"limit_bytes": LIMIT, "on_note": notes.append}
    download.download(urls, to, **(wishes | given))
    return notes


def fails(urls: list[str], to: Path, *words: str, **given: Any) -> Text:
    """Requires a failure with reasons that contain the words, and that nothing remains."""
    with pytest.raises(DownloadFailed) as caught:
        fetch(urls, to, **given)
    for word in words:
        assert word in caught.value.text.en
    assert list(to.parent.iterdir()) == []
    return caught.value.text


# What comes


def test_a_file_is_downloaded_and_nothing_else_is_left(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = whole
    assert fetch([server.url()], tmp_path / "a", sha256=DIGEST) == []
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_of_unknown_size_is_downloaded(tmp_path: Path, server: Server) -> None:
    def chunked(handler: Handler) -> None:
        handler.give(200, b"", length=-1, Transfer_Encoding="chunked")
        for start in range(0, len(CONTENT), 50_000):
            piece = CONTENT[start : start + 50_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    server.pages["/file"] = chunked
    seen: list[tuple[float | None, int]] = []
    fetch([server.url()], tmp_path / "a", on_progress=lambda share, size: seen.append((share, size)))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert seen[-1] == (None, len(CONTENT))


def test_progress_is_reported_at_intervals_and_at_the_end(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/file"] = whole
    monkeypatch.setattr(download, "PROGRESS_INTERVAL_S", 1e9)
    seen: list[tuple[float | None, int]] = []
    fetch([server.url()], tmp_path / "a", on_progress=lambda share, size: seen.append((share, size)))
    assert seen[-1] == (1.0, len(CONTENT))
    assert len(seen) <= 2


def test_an_existing_file_that_matches_is_not_requested(tmp_path: Path, server: Server) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    fetch([server.url()], tmp_path / "a", sha256=DIGEST)
    assert server.asked == []


def test_an_existing_file_that_differs_is_replaced(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = whole
    (tmp_path / "a").write_bytes(b"old")
    fetch([server.url()], tmp_path / "a", sha256=DIGEST)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_user_and_password_are_sent_as_a_header(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = whole
    url = server.url().replace("http://", "http://user:p%40ss@")
    fetch([url], tmp_path / "a")
    assert server.asked[0][1]["Authorization"] == "Basic dXNlcjpwQHNz"


def test_names_that_are_not_ascii_are_quoted(tmp_path: Path, server: Server) -> None:
    server.pages["/%E7%8C%AB%20a"] = whole
    fetch([server.url("/\u732b a")], tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


# Sources


def test_the_next_source_is_tried_with_a_note(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = whole
    dead = f"http://127.0.0.1:{free_port()}/file"
    notes = fetch([dead, server.url("/none"), server.url()], tmp_path / "a", sha256=DIGEST)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [("cannot connect" in note.en, "404" in note.zh) for note in notes] == [
        (True, False),
        (False, True),
    ]


def test_if_all_sources_fail_each_is_named_with_its_reason(tmp_path: Path, server: Server) -> None:
    dead = f"http://127.0.0.1:{free_port()}/file"
    text = fails([dead, server.url("/none")], tmp_path / "a", dead, "refused", server.url("/none"), "404")
    assert dead in text.zh
    assert server.url("/none") in text.zh


def test_secrets_in_urls_are_not_shown(tmp_path: Path, server: Server) -> None:
    secret = server.url("/none?token=hunter2#frag").replace("http://", "http://user:hunter2@")
    dead = f"http://user:hunter2@127.0.0.1:{free_port()}/file?key=hunter2"
    odd = "http://user:hunter2@[bad/?hunter2"
    notes: list[Text] = []
    text = fails([secret, dead, odd, server.url()], tmp_path / "a", "404", on_note=notes.append)
    assert "hunter2" not in str([text, notes])
    assert len(notes) == 3


def test_secrets_of_a_proxy_are_not_shown(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for proxy in ("http:user:hunter2@x", "socks5://user:hunter2@127.0.0.1:1", "http://user:hunter2@[bad"):
        monkeypatch.setenv("http_proxy", proxy)
        assert "hunter2" not in str(fails([server.url()], tmp_path / "a"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:,x",
        "",
        "x",
        "http://",
        "http://a\nb/",
        "http://a..b/",
    ],
)
def test_only_http_urls_are_accepted(tmp_path: Path, url: str) -> None:
    fails([url], tmp_path / "a", "not an HTTP(S) URL")


def test_without_sources_a_download_fails(tmp_path: Path) -> None:
    fails([], tmp_path / "a", "failed")


def test_a_proxy_of_the_environment_is_used(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url(""))
    server.pages["http://bots.invalid/file"] = whole
    fetch(["http://bots.invalid/file"], tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


# Redirects


def redirect(to: str) -> Page:
    return lambda handler: handler.give(302, b"moved", Location=to)


def test_redirects_are_followed(tmp_path: Path, server: Server) -> None:
    for step in range(5):
        server.pages[f"/{step}"] = redirect(f"/{step + 1}")
    server.pages["/5"] = whole
    fetch([server.url("/0")], tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert "Authorization" not in server.asked[-1][1]


def test_a_password_is_not_sent_after_a_redirect(tmp_path: Path, server: Server) -> None:
    server.pages["/0"] = redirect(server.url())
    server.pages["/file"] = whole
    fetch([server.url("/0").replace("http://", "http://user:pass@")], tmp_path / "a")
    assert ["Authorization" in headers for _, headers in server.asked] == [True, False]


def test_more_than_five_redirects_are_too_many(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = redirect("/file")
    fails([server.url()], tmp_path / "a", "more than 5 redirects")
    assert len(server.asked) == 6


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "", "http://[bad"])
def test_a_redirect_to_anything_else_is_not_followed(tmp_path: Path, server: Server, to: str) -> None:
    server.pages["/file"] = redirect(to)
    fails([server.url()], tmp_path / "a", "not allowed")


def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    assert download._redirected("http://a/x", "https://b/y") == "https://b/y"
    with pytest.raises(Exception, match="not allowed"):
        download._redirected("https://a/x", "http://b/y")


# What is wrong with it


@pytest.mark.parametrize(
    "page",
    [b"<!DOCTYPE html><p>Sign in", b"\xef\xbb\xbf \n<HTML>", b"\r\n<!-- x --><html>", b"<head><title>"],
)
def test_a_web_page_is_refused(tmp_path: Path, server: Server, page: bytes) -> None:
    server.pages["/proxy"] = lambda handler: handler.give(200, page, Content_Type="application/zip")
    fails([server.url("/proxy")], tmp_path / "a", "web page")
    server.pages["/file"] = whole
    notes = fetch([server.url("/proxy"), server.url()], tmp_path / "a")
    assert "web page" in notes[0].en
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_an_empty_file_is_refused(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = lambda handler: handler.give(200, b"")
    fails([server.url()], tmp_path / "a", "empty")


def test_a_wrong_checksum_is_a_failed_source(tmp_path: Path, server: Server) -> None:
    server.pages["/bad"] = lambda handler: handler.give(
        200, CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), ETag='"x"'
    )
    fails([server.url("/bad")], tmp_path / "a", DIGEST, sha256=DIGEST)
    server.pages["/file"] = whole
    fetch([server.url("/bad"), server.url()], tmp_path / "a", sha256=DIGEST)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_with_too_large_a_length_is_not_downloaded(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = lambda handler: handler.give(200, b"x" * 10, length=LIMIT + 1)
    fails([server.url()], tmp_path / "a", "larger than")


def test_a_file_that_grows_too_large_is_not_kept(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = lambda handler: handler.give(200, bytes(LIMIT + 1), length=-1)
    fails([server.url()], tmp_path / "a", "larger than")


@pytest.mark.slow
def test_a_silent_server_is_given_up(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_TIMEOUT_S", 0.5)  # of the second server as well, which answers
    silent = threading.Event()

    def stalls(handler: Handler) -> None:
        handler.give(200, b"x", length=100)
        silent.wait(20)

    server.pages["/slow"] = stalls
    server.pages["/file"] = whole
    notes = fetch([server.url("/slow"), server.url()], tmp_path / "a")
    silent.set()
    assert "timed out" in notes[0].en


def test_a_server_that_is_too_slow_is_given_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SLOW_S", 0.05)
    over = threading.Event()

    def drips(handler: Handler) -> None:
        handler.give(200, b"x", length=100_000)
        while not over.wait(0.01):
            handler.wfile.write(b"x")

    server.pages["/file"] = drips
    fails([server.url()], tmp_path / "a", "too slow")
    over.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200,
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70000,
    ],
)
def test_an_invalid_http_response_is_a_failed_source(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        fails([f"http://127.0.0.1:{port}/"], tmp_path / "a", "invalid response")
        thread.join()


def test_a_full_disk_is_reported_and_nothing_is_left(server: Server) -> None:
    server.pages["/file"] = whole
    with small_disk(128) as disk:
        with pytest.raises(InsufficientSpace):
            fetch([server.url(), server.url("/none")], disk / "a")
        assert list(disk.iterdir()) == []
    assert len(server.asked) == 1


def test_an_unwritable_folder_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DownloadFailed) as caught:
        fetch(["http://127.0.0.1/"], tmp_path / "file" / "a")
    assert "Cannot save" in caught.value.text.en


# Carrying on


def test_an_interrupted_download_is_resumed(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = broken
    assert fetch([server.url()], tmp_path / "a", sha256=DIGEST) == []
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [headers.get("Range") for _, headers in server.asked] == [None, "bytes=150000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_part_of_a_killed_process_is_resumed(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = resumable

    def killed(share: float | None, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch([server.url()], tmp_path / "a", on_progress=killed)
    held = (tmp_path / "a.part").stat().st_size
    assert 0 < held < len(CONTENT)
    assert not (tmp_path / "a").exists()
    seen: list[float | None] = []
    fetch([server.url()], tmp_path / "a", sha256=DIGEST, on_progress=lambda share, _size: seen.append(share))
    assert server.asked[-1][1]["Range"] == f"bytes={held}-"
    assert seen[-1] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def left_behind(server: Server, to: Path) -> None:
    """A part with its origin, as left by a server that supports resuming and disappears."""
    server.pages["/file"] = lambda handler: handler.give(
        200, CONTENT[:1000], length=len(CONTENT), ETag='"v1"'
    )
    with pytest.raises(DownloadFailed):
        fetch([server.url()], to)
    assert to.with_name("a.part").stat().st_size == 1000


def test_a_file_that_has_changed_meanwhile_is_downloaded_from_the_start(
    tmp_path: Path, server: Server
) -> None:
    left_behind(server, tmp_path / "a")
    server.pages["/file"] = lambda handler: resumable(handler, tag='"v2"')
    fetch([server.url()], tmp_path / "a", sha256=DIGEST)
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "status, span, tag",
    [
        (206, "bytes 0-9/400000", '"v1"'),
        (206, "bytes 1000-399999/400000", '"v2"'),
        (206, "", '"v1"'),
        (206, "nonsense", '"v1"'),
        (416, "bytes */400000", '"v1"'),
    ],
    ids=range(5),
)
def test_a_response_that_does_not_fit_the_part_is_not_used(
    tmp_path: Path, server: Server, status: int, span: str, tag: str
) -> None:
    left_behind(server, tmp_path / "a")

    def odd(handler: Handler) -> None:
        if handler.headers.get("Range"):
            handler.give(status, b"other", ETag=tag, Content_Range=span)
        else:
            handler.give(200, CONTENT)

    server.pages["/file"] = odd
    fetch([server.url()], tmp_path / "a", sha256=DIGEST)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [headers.get("Range") for _, headers in server.asked[-2:]] == ["bytes=1000-", None]


def test_a_part_is_not_resumed_from_another_source(tmp_path: Path, server: Server) -> None:
    left_behind(server, tmp_path / "a")
    server.pages["/other"] = resumable
    fetch([server.url("/other")], tmp_path / "a", sha256=DIGEST)
    assert "Range" not in server.asked[-1][1]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_part_without_a_validator_is_not_resumed(tmp_path: Path, server: Server) -> None:
    server.pages["/file"] = lambda handler: handler.give(
        200, CONTENT[:99], length=len(CONTENT), ETag='W/"v1"'
    )
    fails([server.url()], tmp_path / "a", "99 of 400000 bytes")
    assert all("Range" not in headers for _, headers in server.asked)


def test_a_source_that_breaks_every_time_is_given_up(tmp_path: Path, server: Server) -> None:
    def stingy(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        span = {"Content_Range": f"bytes {start}-399999/400000"} if start else {}
        body = CONTENT[start : start + 10]
        handler.give(206 if start else 200, body, length=len(CONTENT) - start, ETag='"v1"', **span)

    server.pages["/file"] = stingy
    server.pages["/other"] = whole
    notes = fetch([server.url(), server.url("/other")], tmp_path / "a", sha256=DIGEST)
    assert "30 of 400000 bytes" in notes[0].en
    assert len(server.asked) == download.ATTEMPTS + 1
