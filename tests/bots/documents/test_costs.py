"""The time that reading, editing and comparing takes: in proportion to the text, whatever is in it."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from bots.documents import env, file, json, toml, values
from bots.documents.errors import DocumentSyntaxError
from mailauncher.errors import FileTooLarge, InvalidParameter
from mailauncher.interruption import Interrupted
from resolvers.configuring.diff import unified
from tests.support.growth import require_linear

N = 1_500
Edit = Callable[[int], Any]


def lines(count: int, text: str) -> str:
    return "".join(text.replace("#", str(number)) for number in range(count))


def _toml_keys(n: int) -> object:
    return toml.merge(lines(n, f"k# = '{'x' * 150}'\n"), {"k7": "x"})


def _toml_tables(n: int) -> object:
    return toml.merge(lines(n, "[t.k#]\nv = #\n"), {"t": {"k7": {"v": "x"}, "k8": None}})


def _toml_elements(n: int) -> object:
    return toml.merge(lines(n, "[[t]]\nv = #\n"), {"t": [{"v": "x"}, *({"v": i} for i in range(n))]})


def _toml_array(n: int) -> object:
    return toml.merge(f"a = [{lines(n, '#, ')}]\n", {"a": [*range(n // 2), *[7] * n, *range(n // 2, n)]})


def _json_keys(n: int) -> object:
    return json.merge("{" + lines(n, '"k#": #,\n') + '"end": 0}', {"k7": None, "new": {"x": 1}})


def _env_lines(n: int) -> object:
    return env.merge(lines(n, "K#='v'\n"), {"K7": "x", "K8": None, "NEW": "x"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [_toml_keys, _toml_tables, _toml_elements, _toml_array, _json_keys, _env_lines],
    ids=lambda edit: edit.__name__.strip("_"),
)
def test_an_edit_takes_time_in_proportion_to_the_text(edit: Edit) -> None:
    """A key among 300,000 of TOML took 40 seconds: the start of each line was looked for up to the start of the text."""

    def cost(times: int) -> float:
        began = time.process_time()
        edit(N * times)
        return time.process_time() - began

    require_linear(cost)


@pytest.mark.parametrize("language,sign", [(json, ": "), (toml, " = ")], ids=["json", "toml"])
def test_a_key_beside_one_full_of_blanks_takes_time_in_proportion(language: Any, sign: str) -> None:
    """20,000 blanks in a key cost two seconds of CPU: the separator behind it was looked for from each of them on."""

    def cost(times: int) -> float:
        text = f'{{ "{" " * 5_000 * times}x"{sign}1 }}'
        if language is toml:
            text = f"a = {text}\n"
        patch = {"new": 2}
        began = time.process_time()
        merged = language.merge(text, {"a": patch} if language is toml else patch)
        spent = time.process_time() - began
        assert f'x"{sign}1, ' in merged
        assert f"new{sign}2" in merged.replace('"', "")
        return spent

    require_linear(cost)


@pytest.mark.parametrize("read", [env.read, env.read_leniently, lambda text: env.merge(text, {"B": "1"})])
def test_a_long_row_of_blanks_in_env_is_an_error(read: Callable[[str], object]) -> None:
    """A megabyte of blanks behind a value kept the whole server for hours, in one call of a regular expression."""
    with pytest.raises(DocumentSyntaxError, match="256 blanks") as caught:
        read("# x\r\nA=1" + " " * (file.LIMIT_BYTES - 10))
    assert (caught.value.line, caught.value.column) == (2, 4)
    assert env.read("A=1" + " " * 256 + "# x") == {"A": "1"}


def test_lines_that_are_alike_are_compared_in_bounded_time() -> None:
    """Two texts of equal lines, some of them between others, took minutes."""
    old, new = b"#a\n" * 2000, b"#b\n#a\n" * 1000
    shown = unified("toml", old, new, "old", "new").splitlines()
    assert shown[2] == "@@ -1,1999 +1,1999 @@"
    assert "-#a" in shown
    few = unified("toml", old[:30], new[:30], "old", "new").splitlines()
    assert [line[0] for line in few[3:]].count(" ") == 5


@pytest.mark.parametrize(
    "language, text, patch, least",
    [
        (toml, lines(100, "k# = #\n"), {"k7": 8}, 100),
        (toml, lines(100, "[t.k#]\nv = #\n"), {"t": {"k7": None}}, 200),
        (toml, f"a = [{lines(100, '#, ')}]\n", {"b": 1}, 100),
        (json, "{" + lines(100, '"k#": #,\n') + '"end": 0}', {"k7": None}, 100),
        (env, lines(100, "K#='v'\n"), {"K7": "x"}, 2),
    ],
)
def test_an_edit_asks_often_whether_anybody_still_wants_it(
    language: Any, text: str, patch: dict[str, Any], least: int
) -> None:
    """Nothing ended the change of a large file whose caller had left, not even SIGTERM."""
    asked = []
    language.merge(text, patch, lambda: asked.append(1))
    assert len(asked) >= least

    def check() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        language.merge(text, patch, check)


_WIDE: dict[str, Any] = {f"t{number}": {} for number in range(30_000)}
_MANY = {f"k{number}": 0 for number in range(10_000)}
_FAR = " " * 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "language, text, patch",
    [
        pytest.param(toml, "", {"a" * 1_000: _WIDE}, id="tables below a long key"),
        pytest.param(toml, f"{_FAR}a = 1\n", _MANY, id="keys beside one far to the right"),
        pytest.param(toml, f"a = [\n{_FAR}1,\n]\n", {"a": [0] * 10_000}, id="entries beside one"),
        pytest.param(json, f'{{\n{_FAR}"a": 1\n}}', _MANY, id="json keys beside one"),
        pytest.param(json, f'{{\n{_FAR}"a": 1\n}}', {"b": {"c": [0] * 10_000}}, id="json inside a value"),
    ],
)
def test_a_small_change_that_makes_a_huge_text_ends_at_the_limit(
    language: Any, text: str, patch: dict[str, Any]
) -> None:
    """30,000 new tables far below were written and read again, for half a minute, and refused only then."""
    # The memory tells how much was written.
    tracemalloc.start()
    try:
        with pytest.raises(FileTooLarge, match=f"would exceed {file.LIMIT_BYTES >> 20} MiB"):
            language.merge(text, patch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * file.LIMIT_BYTES


@pytest.mark.parametrize("language", [json, toml, env])
def test_a_text_just_over_the_limit_is_not_read_again(language: Any) -> None:
    with pytest.raises(FileTooLarge):
        language.merge("", {"a": "x" * file.LIMIT_BYTES})
    assert len(language.merge("", {"a": "x" * (file.LIMIT_BYTES - 100)})) <= file.LIMIT_BYTES


@pytest.mark.parametrize("language", [json, toml])
def test_a_path_of_too_many_steps_is_refused_before_the_text_is_read(language: Any) -> None:
    """A path of 7,000 steps was looked at only once the whole file had been read, and was repeated in the message."""
    no_text: Any = None
    path = ["a"] * (values.DEPTH + 1)
    refusal = f"at most {values.DEPTH} steps"
    with pytest.raises(InvalidParameter, match=refusal):
        language.set_value(no_text, path, 1)
    with pytest.raises(InvalidParameter, match=refusal):
        language.unset(no_text, path)
