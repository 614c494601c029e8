"""Every failure has a code; unexpected errors reveal nothing else."""

import logging
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError

from mailauncher.errors import ERROR_INFO, Code, DatabaseError, LauncherError
from mailauncher.log import request_id
from resolvers import instances, system
from schema import errors
from tests.support.context import add_bot
from tests.support.graphql import ask, conversing
from tests.support.server import Launcher

NOBODY = "0" * 40


class Requests(logging.Handler):
    """Collects log records with their request id."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[str, logging.LogRecord]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((request_id.get(), record))


def told(cause: Exception, **placed: Any) -> dict[str, Any]:
    """The GraphQL error for an exception in a resolver."""
    error = GraphQLError(str(cause), original_error=cause, **placed)
    errors.add_codes([error], "en")
    return dict(error.formatted)


def test_each_code_has_the_status_that_rest_gives_it() -> None:
    for code in Code:
        kind = type("Kind", (LauncherError,), {"code": code})
        assert told(kind("坏", "bad", field="there"), path=["field"]) == {
            "message": "bad",
            "path": ["field"],
            "extensions": {"code": code.value, "status": ERROR_INFO[code].http, "field": "there"},
        }


def test_an_error_without_a_field_has_none() -> None:
    assert "field" not in told(LauncherError("坏", "bad"))["extensions"]


def test_a_result_that_its_type_cannot_represent_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """graphql-core raises its own error for it, as for an invalid argument."""
    cause = GraphQLError("Int cannot represent non 32-bit signed integer value: 4294967296")
    assert told(cause, path=["field"])["extensions"]["code"] == "INTERNAL_ERROR"
    assert "32-bit" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        "{",
        "nonsense",
        "{ nope }",
        "{ instances { nope } }",
        "{ instance { id } }",
        '{ instances(status: "RUNNING") { id } }',
        "{ instances(status: DANCING) { id } }",
        '{ events(first: "x") { edges { cursor } } }',
        "{ events(first: " + "9" * 5000 + ") { edges { cursor } } }",
        "{ events(first: 1e9999) { edges { cursor } } }",
        'subscription { terminalOutput(sessionId: "x", after: 1e9999) { end } }',
        'subscription { terminalOutput(sessionId: "x", after: "1") { end } }',
        "{ ...Missing }",
        "query A { systemHealth { status } } query A { systemHealth { status } }",
        "query ($id: ID!) { instance(id: $id) { id } }",
        "query ($id: ID!) { instance(id: $unknown) { id } }",
        "query ($input: AddInstanceInput) { systemHealth { status } }",
    ],
)
async def test_a_document_that_does_not_match_the_schema_is_an_invalid_parameter(
    launcher: Launcher, document: str
) -> None:
    answer = await ask(launcher, document)
    assert answer.errors
    assert answer.data is None
    for error in answer.errors:
        assert error["extensions"] == {"code": "INVALID_PARAMETER", "status": 400}


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"input": None},
        {"input": {}},
        {"input": {"id": None}},
        {"input": {"id": "x", "nope": 1}},
        {"input": {"id": {"a": 1}}},
        {"input": "x"},
        {"input": {"id": "x", "files": "yes"}},
    ],
)
async def test_invalid_variables_are_an_invalid_parameter(
    launcher: Launcher, variables: dict[str, Any]
) -> None:
    document = "mutation ($input: DeleteInstanceInput!) { deleteInstance(input: $input) { id } }"
    answer = await ask(launcher, document, **variables)
    assert answer.errors
    assert {error["extensions"]["code"] for error in answer.errors} == {"INVALID_PARAMETER"}


@pytest.mark.slow
async def test_a_missing_argument_found_during_execution_is_an_invalid_parameter(launcher: Launcher) -> None:
    """A nullable variable is valid for an argument with a default, until its value is null."""
    document = "query ($ms: Boolean) { deployVersions(refresh: $ms) { versions { tag } } }"
    answer = await ask(launcher, document, ms=None)
    assert answer.code == "INVALID_PARAMETER"


@pytest.mark.slow
async def test_one_failing_field_does_not_affect_the_others(launcher: Launcher) -> None:
    answer = await ask(
        launcher,
        f'{{ instance(id: "{NOBODY}") {{ id }} systemHealth {{ status }} }}',
        {"Accept-Language": "en"},
    )
    assert answer.data == {"instance": None, "systemHealth": {"status": "healthy"}}
    assert answer.error == {
        "message": f"Instance '{NOBODY}' not found",
        "locations": [{"line": 1, "column": 3}],
        "path": ["instance"],
        "extensions": {"code": "INSTANCE_NOT_FOUND", "status": 404},
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "session, code",
    [
        ("nonsense", "INVALID_SESSION"),
        (f"{NOBODY}_main", "INSTANCE_NOT_FOUND"),
        ("{id}_nope", "TERMINAL_NOT_FOUND"),
    ],
)
async def test_unknown_terminals_have_the_codes_of_the_websocket(
    launcher: Launcher, tmp_path: Path, session: str, code: str
) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    answer = await ask(
        launcher,
        "query ($id: ID!) { terminal(sessionId: $id) { end } }",
        id=session.replace("{id}", view.id),
    )
    assert answer.code == code


@pytest.mark.slow
async def test_an_unexpected_error_is_masked_and_logged_with_the_request_id(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of /home/somebody")

    monkeypatch.setattr(instances, "stats", broken)
    monkeypatch.setattr(system, "metrics", broken)
    logged = Requests()
    monkeypatch.setattr(errors.log, "handlers", [logged])
    headers = {"Accept-Language": "en", "X-Request-ID": "over-http"}
    answer = await ask(launcher, "{ instanceStats { total } }", headers)
    assert answer.error["extensions"] == {"code": "INTERNAL_ERROR", "status": 500}
    assert answer.error["message"] == "Internal server error; see the log"
    async with conversing(launcher, {"X-Request-ID": "over-a-socket"}) as socket:
        answer = await socket.ask("{ systemMetrics { at } }")
        assert answer.code == "INTERNAL_ERROR"
        assert answer.error["message"] == "内部服务器错误，详见日志"
    assert [name for name, _ in logged.records] == ["over-http", "over-a-socket"]
    assert all(record.exc_info and "secret" in str(record.exc_info[1]) for _, record in logged.records)


@pytest.mark.slow
async def test_errors_of_a_socket_are_in_the_language_of_its_handshake(launcher: Launcher) -> None:
    async with conversing(launcher, {"Accept-Language": "en"}) as socket:
        answer = await socket.ask(f'{{ instance(id: "{NOBODY}") {{ id }} }}')
        assert answer.error["message"] == f"Instance '{NOBODY}' not found"


@pytest.mark.slow
async def test_a_list_that_fails_in_the_database_is_a_database_error(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise DatabaseError("数据库错误", "Database error")

    await add_bot(launcher.ctx, tmp_path / "one")
    monkeypatch.setattr(type(launcher.ctx.store.journal), "newest", failing)
    answer = await ask(launcher, "{ instances { recentEvents { at } } }")
    assert answer.code == "DATABASE_ERROR"


def test_an_unexpected_error_is_logged_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "schema.errors"):
        assert told(ZeroDivisionError("x"), path=["a", 0])["message"] == "Internal server error; see the log"
    assert "ZeroDivisionError" in caplog.text
