"""One body for every failure, whatever application is behind the middleware."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from mailauncher.errors import Code, InvalidParameter, PermissionDenied, PortInUse
from mailauncher.log import request_id
from rest.origins import Origins
from rest.outer_middleware import REPORT_EVERY_S, RESPONSE_COUNTS, OuterMiddleware, Refusals
from server.serving import Server
from tests.support.context import settings_for
from tests.support.http import NO_TLS, failure, told

pytestmark = pytest.mark.slow


@asynccontextmanager
async def behind(app: ASGIApp, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application behind the middleware, on a real server."""
    settings = settings_for(folder)
    server = Server(OuterMiddleware(app, origins=Origins(settings)), settings)
    serving = asyncio.create_task(server.serve())
    await server.ready.wait()
    url = f"http://127.0.0.1:{settings.port}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as http:
            yield http
    finally:
        server.stop()
        await serving


def answering(response: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, send)

    return app


def raising(error: BaseException) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    return app


async def test_a_launcher_error_has_its_code_field_and_status(tmp_path: Path) -> None:
    async with behind(raising(PortInUse("占用", "taken", field="port")), tmp_path) as http:
        assert failure(await http.get("/"), Code.PORT_IN_USE, "port") == "占用"
        english = await http.get("/", headers={"accept-language": "en-US,en;q=0.9"})
        assert failure(english, Code.PORT_IN_USE, "port") == "taken"


async def test_what_has_no_utf_8_form_in_a_message_is_replaced(tmp_path: Path) -> None:
    """The name of a process that listens on a port may be any bytes."""
    async with behind(raising(PortInUse("占用 \udcff", "taken")), tmp_path) as http:
        assert failure(await http.get("/"), Code.PORT_IN_USE) == "占用 \ufffd"


@pytest.mark.parametrize(
    "error",
    [KeyError("secret"), OSError("/home/secret"), RecursionError(), ExceptionGroup("secret", [ValueError()])],
)
async def test_an_unexpected_error_is_masked_and_logged_with_the_request_id(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with behind(raising(error), tmp_path) as http:
        answer = await http.get("/", headers={"x-request-id": "from-a-proxy.7"})
        assert failure(answer, Code.INTERNAL_ERROR) == "内部服务器错误，详见日志"
        assert answer.headers["x-request-id"] == "from-a-proxy.7"
    (record,) = (r for r in caplog.records if r.exc_info)
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.name == "rest.outer_middleware"


@pytest.mark.parametrize(
    "response, code, status, message",
    [
        (PlainTextResponse("Unable to parse", 400), Code.INVALID_PARAMETER, 400, "请求无效：Unable to parse"),
        (HTMLResponse("<h1>bad</h1>", 400), Code.INVALID_PARAMETER, 400, "请求无效"),
        (PlainTextResponse("", 415), Code.INVALID_PARAMETER, 400, "请求无效"),
        (PlainTextResponse("x" * 5000, 422), Code.INVALID_PARAMETER, 400, "请求无效：" + "x" * 512),
        (PlainTextResponse("who?", 401), Code.PERMISSION_DENIED, 403, "拒绝访问"),
        (PlainTextResponse("no", 403), Code.PERMISSION_DENIED, 403, "拒绝访问"),
        (PlainTextResponse("Not Found", 404), Code.RESOURCE_NOT_FOUND, 404, "没有这个地址"),
        (PlainTextResponse("too much", 413), Code.FILE_TOO_LARGE, 400, "请求无效：too much"),
        (PlainTextResponse("secret", 500), Code.INTERNAL_ERROR, 500, "内部服务器错误，详见日志"),
        (PlainTextResponse("secret", 502), Code.INTERNAL_ERROR, 500, "内部服务器错误，详见日志"),
        (PlainTextResponse("busy", 503), Code.SERVICE_UNAVAILABLE, 503, "服务暂时不可用"),
        (PlainTextResponse("no", 405, headers={"Allow": "GET"}), Code.INVALID_PARAMETER, 405, "请求无效：no"),
    ],
)
async def test_a_librarys_error_response_is_replaced(
    tmp_path: Path, response: ASGIApp, code: Code, status: int, message: str
) -> None:
    async with behind(answering(response), tmp_path) as http:
        answer = await http.get("/")
        assert failure(answer, code, status=status) == message
        assert answer.headers.get("allow") == ("GET" if status == 405 else None)
        assert (answer.headers.get("retry-after") in ("1", "2", "3")) == (status == 503)
        head = await http.head("/")
        assert (head.status_code, head.content) == (status, b"")


async def test_a_json_error_response_passes_unchanged(tmp_path: Path) -> None:
    graphql = {"data": None, "errors": [{"message": "no"}]}
    for media in ("application/json", "application/graphql-response+json; charset=utf-8"):
        response = JSONResponse(graphql, 400, media_type=media)
        async with behind(answering(response), tmp_path) as http:
            answer = await http.post("/graphql")
            assert (answer.status_code, answer.json()) == (400, graphql)
            assert answer.headers["x-request-id"]


async def test_a_failure_midway_cuts_the_response_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("secret")

    async with behind(answering(StreamingResponse(half(), media_type="text/plain")), tmp_path) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/")
    assert any(record.exc_info and record.name == "rest.outer_middleware" for record in caplog.records)


async def test_an_exception_after_an_error_status_gives_one_response(tmp_path: Path) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"text/plain")]}
        )
        raise InvalidParameter("错", "wrong")

    async with behind(app, tmp_path) as http:
        failure(await http.get("/"), Code.INVALID_PARAMETER)


class Waiting:
    """An application that never ends, optionally after starting to stream. `task` is its task."""

    def __init__(self, *, streaming: bool) -> None:
        self.begun = asyncio.Event()
        self.task: asyncio.Task[Any] | None = None
        self._streaming = streaming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.task = asyncio.current_task()
        if self._streaming:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
            )
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        self.begun.set()
        await asyncio.Event().wait()

    async def cancel(self) -> None:
        """Does what the server does at shutdown to requests in progress."""
        await self.begun.wait()
        assert self.task is not None
        self.task.cancel()


async def test_a_request_in_progress_at_shutdown_gets_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Waiting(streaming=False)
    async with behind(app, tmp_path) as http, asyncio.TaskGroup() as tasks:
        tasks.create_task(app.cancel())
        answer = await http.get("/")
        failure(answer, Code.SERVICE_UNAVAILABLE)
        assert int(answer.headers["retry-after"]) in range(1, 4)
    assert not any(record.exc_info for record in caplog.records)


async def test_a_stream_in_progress_at_shutdown_ends_cleanly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Waiting(streaming=True)
    async with behind(app, tmp_path) as http, asyncio.TaskGroup() as tasks:
        tasks.create_task(app.cancel())
        assert (await http.get("/")).text == "begun"
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)


async def test_each_request_has_a_new_id_or_the_callers(tmp_path: Path) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(request_id.get())(scope, receive, send)

    async with behind(app, tmp_path) as http:
        seen = set()
        for _ in range(5):
            answer = await http.get("/")
            assert answer.text == answer.headers["x-request-id"]
            seen.add(answer.text)
        assert len(seen) == 5
        for given in ("abc-1.2:3_4", "x" * 64):
            assert (await http.get("/", headers={"x-request-id": given})).text == given
        for strange in ("", "x" * 65, "a b", "<script>", "a;b", "ä"):
            answer = await http.get("/", headers={b"x-request-id": strange.encode()})
            assert answer.text not in ("", strange)


async def test_responses_are_counted_by_group_and_status(tmp_path: Path) -> None:
    counts: dict[Any, int] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        counts.update(scope[RESPONSE_COUNTS])
        await PlainTextResponse("no", 404 if scope["path"] == "/no" else 200)(scope, receive, send)

    async with behind(app, tmp_path) as http:
        for path in ("/", "/no", "/no", "/graphql", "/"):
            await http.get(path)
    assert counts == {("other", 200): 1, ("other", 404): 2, ("graphql", 200): 1}


async def test_requests_are_logged_at_debug_and_server_errors_at_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[tuple[int, str]]:
        return [
            (r.levelno, r.getMessage().rpartition(" in ")[0])
            for r in caplog.records
            if r.name == "rest.outer_middleware"
        ]

    with caplog.at_level(logging.INFO):
        async with behind(answering(PlainTextResponse("x")), tmp_path) as http:
            await http.get("/quiet")
        async with behind(answering(PlainTextResponse("x", 500)), tmp_path) as http:
            await http.get("/a%0Ab?token=secret")
    assert lines() == [(logging.ERROR, "GET '/a\\nb': 500")]
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "rest.outer_middleware"):
        async with behind(answering(PlainTextResponse("x")), tmp_path) as http:
            await http.get("/")
    assert lines() == [(logging.DEBUG, "GET '/': 200")]


# WebSockets


async def refused(http: httpx.AsyncClient) -> tuple[int, str]:
    """Status and error code of a refused handshake."""
    url = str(http.base_url).replace("http", "ws")
    with pytest.raises(InvalidStatus) as raised:
        await connect(url, proxy=None).__aenter__()
    answer = raised.value.response
    body = json.loads(answer.body or b"")
    told(body, body["error"].get("field"), answer.headers)
    return answer.status_code, body["error"]["code"]


async def test_a_refused_handshake_has_the_common_error_body(tmp_path: Path) -> None:
    async def close(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1000})

    async with behind(close, tmp_path) as http:
        assert await refused(http) == (404, Code.RESOURCE_NOT_FOUND)
    async with behind(raising(InvalidParameter("错", "wrong", field="after")), tmp_path) as http:
        assert await refused(http) == (400, Code.INVALID_PARAMETER)
    async with behind(raising(KeyError("secret")), tmp_path) as http:
        assert await refused(http) == (500, Code.INTERNAL_ERROR)


@pytest.mark.parametrize("error, code", [(KeyError(), 1011), (asyncio.CancelledError(), 1012)])
async def test_an_open_socket_is_closed_with_a_code(
    tmp_path: Path, error: BaseException, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        raise error

    async with behind(app, tmp_path) as http:
        url = str(http.base_url).replace("http", "ws")
        async with connect(url, proxy=None) as socket:
            await socket.send("go")
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
    assert [r.name for r in caplog.records if r.exc_info] == (
        ["rest.outer_middleware"] if code == 1011 else []
    )


async def test_refused_callers_are_logged_quietly_and_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each refused WebSocket was logged as an error of the application, so that any web page could fill the log."""
    caplog.set_level(logging.INFO)
    async with behind(raising(PermissionDenied("不", "no such host")), tmp_path) as http:
        address = str(http.base_url).replace("http", "ws", 1)
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"{address}/ws"):
                    pass
            assert refused.value.response.status_code == 403
        await http.get("/")
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert lines == ["refused WebSocket '/ws': no such host"]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_the_next_report_of_refusals_counts_those_in_between(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    refusals, scope = Refusals(), {"path": "/x", "method": "GET"}
    for _ in range(3):
        refusals.report(scope, PermissionDenied("不", "no"))
    later = time.monotonic() + REPORT_EVERY_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    refusals.report(scope, PermissionDenied("不", "no"))
    assert [record.getMessage() for record in caplog.records] == [
        "refused GET '/x': no",
        "refused GET '/x': no (2 more since the last report)",
    ]
