"""The number of values in a JSON text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauncher import json_size
from mailauncher.errors import InvalidParameter
from mailauncher.json_size import VALUES_MAX, require_few_values


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([7] * VALUES_MAX),
        json.dumps({"text": "," * VALUES_MAX, "quoted": '",\\",' * 10}),
        json.dumps({"text": '",' * VALUES_MAX + "\\,"}),
        '{"escaped": "' + "\\," * VALUES_MAX + '"}',
        '{"unclosed": "' + "," * VALUES_MAX,
        "[" * VALUES_MAX,
        "",
    ],
    ids=["list", "strings", "quotes", "escapes", "unclosed", "brackets", "empty"],
)
def test_few_values_and_commas_in_strings_pass(text: str) -> None:
    require_few_values(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([7] * (VALUES_MAX + 1)),
        json.dumps({f"{n},": n for n in range(VALUES_MAX + 1)}),
        '["\\\\", "\\",",' + "{}," * VALUES_MAX,
        "[" + ",".join(["[" * 100 + "]" * 100] * (VALUES_MAX // 100)) + "]",
        '{"":' * (VALUES_MAX + 1),
    ],
    ids=["list", "object", "escapes", "nests", "nested objects"],
)
def test_too_many_values_are_refused_before_they_are_parsed(text: str) -> None:
    """15 MB of them kept every thread of the server for a tenth of a second, and those of many lists in lists, of which only
    the commas between them were counted, for ten."""
    with pytest.raises(InvalidParameter, match="more than 200000 values"):
        require_few_values(text.encode())


@given(
    st.lists(st.sampled_from(['"', "\\", ",", "[", "a", '\\"', "\\\\"]), max_size=40).map("".join),
    st.sampled_from([1, 2, 3, 7]),
)
def test_it_counts_outside_strings_wherever_the_steps_are_cut(text: str, step: int) -> None:
    """A string with 200,000 escapes was skipped in one piece, which took a quarter of a second."""
    count, in_string, escape = 0, False, False
    for sign in text:
        before, escape = escape, sign == "\\" and not escape
        if before and sign in '"\\':
            continue
        if sign == '"':
            in_string = not in_string
        elif not in_string and sign in ",[{":
            count += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_size, "_STEP_BYTES", step)
        assert json_size._has_more_values(text.encode(), count - 1) or not text
        assert not json_size._has_more_values(text.encode(), count)
