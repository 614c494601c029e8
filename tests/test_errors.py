"""The error classes and the table of codes."""

import errno
import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import mailauncher
import resolvers
import rest
import schema
import terminals
from cli.client import RequestRefused
from mailauncher.errors import ERROR_INFO, Code, InstanceNotFound, LauncherError, PortInUse, as_known

# The tables of the API reference, code -> HTTP status; those of the WebSocket have none there.
DOCUMENTED = {
    "INSTANCE_NOT_FOUND": 404,
    "INVALID_PARAMETER": 400,
    "DATABASE_ERROR": 500,
    "PERMISSION_DENIED": 403,
    "SERVICE_UNAVAILABLE": 503,
    "INTERNAL_ERROR": 500,
    "INSTANCE_ALREADY_RUNNING": 409,
    "INSTANCE_NOT_RUNNING": 409,
    "PORT_IN_USE": 409,
    "INVALID_PATH": 400,
    "VERSION_NOT_FOUND": 404,
    "DEPLOYMENT_FAILED": 500,
    "INSUFFICIENT_SPACE": 400,
    "DOWNLOAD_FAILED": 500,
    "RESOURCE_NOT_FOUND": 404,
    "INVALID_IMAGE_FORMAT": 400,
    "FILE_TOO_LARGE": 400,
    "DUPLICATE_RESOURCE": 409,
}
DOCUMENTED_ON_SOCKETS = {"INVALID_SESSION", "CONNECTION_FAILED", "TERMINAL_NOT_FOUND", "COMMAND_FAILED"}
OWN = {"CONFLICT": 412, "INCOMPLETE": 504, "UNKNOWN_DOCUMENT": 404}


def tree(root: type[LauncherError] = LauncherError) -> Iterator[type[LauncherError]]:
    """Every error class of the product; all modules are imported to find them."""
    for package in (mailauncher, schema, resolvers, rest, terminals):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__") and ".bots.sample" not in module.name:
                importlib.import_module(module.name)
    yield from _below(root)


def _below(root: type[LauncherError]) -> Iterator[type[LauncherError]]:
    for error in root.__subclasses__():
        if error.__module__.partition(".")[0] != "tests":
            yield error
            yield from _below(error)


def test_the_codes_are_those_of_the_reference_and_our_own() -> None:
    assert {code.value for code in Code} == DOCUMENTED.keys() | DOCUMENTED_ON_SOCKETS | OWN.keys()


def test_a_code_is_its_own_name() -> None:
    assert [code for code in Code if code.name != code.value] == []


def test_each_code_has_a_verdict() -> None:
    assert set(ERROR_INFO) == set(Code)


@pytest.mark.parametrize("code,status", (DOCUMENTED | OWN).items())
def test_the_http_status_is_the_documented_one(code: str, status: int) -> None:
    assert ERROR_INFO[Code(code)].http == status


@pytest.mark.parametrize("code", Code)
def test_a_verdict_is_valid_in_each_interface(code: Code) -> None:
    info = ERROR_INFO[code]
    assert 400 <= info.http <= 599
    # 4000-4999 are for applications; 1009 is the protocol's code for a message that is too large.
    assert info.close == 1009 or 4000 <= info.close <= 4999
    assert 1 <= info.exit <= 7


@pytest.mark.parametrize("code", Code)
def test_a_verdict_has_one_sentence_in_each_language(code: Code) -> None:
    chinese, english = ERROR_INFO[code].meaning
    assert re.fullmatch(r"[A-Z][^.\n]*\.", english)
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert re.fullmatch(r"[^。\n]+。", chinese)


def test_verdicts_agree_on_what_kind_of_failure_a_code_is() -> None:
    """A conflict in one interface is not bad input in another."""
    kinds = {400: 2, 403: 5, 404: 3, 409: 4, 412: 4, 500: 1, 503: 6, 504: 7}
    assert [code for code in Code if ERROR_INFO[code].exit != kinds[ERROR_INFO[code].http]] == []
    assert [
        code
        for code in Code
        if ERROR_INFO[code].close not in (1009, 4000 + ERROR_INFO[code].http) and code is not Code.CONFLICT
    ] == []


def test_each_error_class_declares_its_code() -> None:
    told_later = {RequestRefused.__name__}  # its code is that of the server's response
    unstated = {
        error.__name__ for error in tree() if not any("code" in vars(base) for base in error.__mro__[:-4])
    }
    assert unstated == told_later


def test_no_two_error_classes_share_a_code() -> None:
    ground = [error for error in tree() if error.__module__ == "mailauncher.errors"]
    codes = [error.code for error in ground]
    assert sorted(set(codes)) == sorted(codes)


def test_the_name_of_an_error_is_that_of_its_code() -> None:
    ground = [error for error in tree() if error.__module__ == "mailauncher.errors"]
    assert [e.__name__ for e in ground if e.__name__.lower() != e.code.replace("_", "").lower()] == []


def test_an_error_without_a_code_is_an_internal_one() -> None:
    error = LauncherError("坏了", "broken")
    assert (error.code, error.info.http, str(error)) == (Code.INTERNAL_ERROR, 500, "broken")


def test_an_error_has_both_languages_and_the_invalid_field() -> None:
    error = PortInUse("端口 1 已被占用", "Port 1 is in use", field="port")
    assert (error.text.zh, error.text.en, error.field) == ("端口 1 已被占用", "Port 1 is in use", "port")


def test_an_unknown_instance_has_the_message_of_the_reference() -> None:
    assert InstanceNotFound("invalid_id").text.zh == "未找到实例 'invalid_id'"


def test_a_long_id_does_not_make_a_long_message() -> None:
    assert len(InstanceNotFound("x" * 10_000).text.zh) < 100


def test_a_full_disk_is_told_as_such_wherever_it_is_met() -> None:
    """Where nobody had thought of it, it was an internal error: a deployment whose plan found no room, for one."""
    for number in (errno.ENOSPC, errno.EDQUOT):
        known = as_known(OSError(number, "full"))
        assert known is not None
        assert known.code is Code.INSUFFICIENT_SPACE
    assert as_known(OSError(errno.EIO, "broken")) is None
    assert as_known(None) is None
    error = PortInUse("1", "1")
    assert as_known(error) is error
