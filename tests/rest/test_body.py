"""Any body is either parsed or refused, and parsed values can be stored and sent."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauncher.errors import InvalidParameter
from mailauncher.json_size import VALUES_MAX
from rest.body import LARGE_BYTES, parse
from rest.existing_client.adding import ClientInstance
from rest.instances import AddInstance

BOTH = (AddInstance, ClientInstance)
# Including lone surrogates.
TEXT = st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with suppress(InvalidParameter):
        asyncio.run(parse(data, BOTH))


@pytest.mark.slow
@given(JSON, JSON, JSON, st.dictionaries(TEXT, JSON, max_size=3))
def test_any_values_are_converted_or_refused(name: Any, path: Any, port: Any, more: dict[str, Any]) -> None:
    body = json.dumps({**more, "name": name, "path": path, "port": port}).encode()
    with suppress(InvalidParameter):
        assert msgspec.json.encode(asyncio.run(parse(body, BOTH)))


def test_a_body_of_too_many_values_is_refused() -> None:
    body = b'{"name": [' + b"1," * VALUES_MAX + b"1]}"
    with pytest.raises(InvalidParameter, match="values"):
        asyncio.run(parse(body, BOTH))


@given(TEXT, TEXT)
def test_an_error_message_can_be_encoded(key: str, value: str) -> None:
    text = f'{{{json.dumps(key)}: 1, {json.dumps(key)}: 2, "name": {json.dumps(value)}}}'
    with pytest.raises(InvalidParameter) as refused:
        asyncio.run(parse(text.encode(), BOTH))
    assert msgspec.json.encode([refused.value.text, refused.value.field])


async def test_the_type_of_a_body_is_chosen_by_its_keys() -> None:
    one = await parse(b'{"name": "a", "path": "/", "port": 1, "instance_name": "b"}', BOTH)
    assert isinstance(one, AddInstance)
    other = await parse(b'{"instance_name": "a", "install_path": "/", "port": 1}', BOTH)
    assert isinstance(other, ClientInstance)
    with pytest.raises(InvalidParameter, match="Missing field name"):
        await parse(b"{}", BOTH)


async def test_a_large_body_is_parsed_like_a_small_one() -> None:
    body = json.dumps({"name": "a", "path": "/", "port": 1, "more": "x" * LARGE_BYTES}).encode()
    assert await parse(body, BOTH) == AddInstance("a", "/", 1)
    with pytest.raises(InvalidParameter, match="Malformed"):
        await parse(body + b"x", BOTH)
