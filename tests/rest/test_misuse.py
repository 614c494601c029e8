"""Whatever is sent to a route, the answer says what is wrong. A route that is added to the table is tried as well."""

import itertools
from collections.abc import Iterator

from rest.api import TABLE
from rest.operation import Operation
from tests.support.hostile import (
    BODIES,
    MARKS,
    MEDIA_TYPES,
    TEXTS,
    Place,
    encoded,
    hostile_place,  # noqa: F401 - a fixture
    in_turn,
    quoted,
    require_answer,
    without_tracebacks,  # noqa: F401 - a fixture
)
from tests.support.http import client
from tests.support.stress import sized

pytestmark = MARKS

NO_IDS = ["0" * 40, "%ff%fe", "%00", "%2e%2e", "x" * 3000, "😀"]


def path_of(operation: Operation, place: Place, **given: str) -> str:
    path = operation.path
    for name, value in {**place.ids, **given}.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def hostile_paths(operation: Operation, place: Place) -> Iterator[str]:
    """The path with each of its parameters replaced: by hostile texts, unknown ids and those of another instance."""
    for name in (part[1:-1] for part in operation.path.split("/") if part.startswith("{")):
        for value in (*map(quoted, TEXTS[:: sized(18, 2)]), *NO_IDS, place.ids["other"]):
            if value != place.ids["other"] or "emoji_id" in operation.path or "person_id" in operation.path:
                yield path_of(operation, place, **{name: value})


async def test_no_path_or_query_is_an_internal_error(place: Place) -> None:
    async with client(place.launcher) as http:
        for operation in TABLE:
            for path in hostile_paths(operation, place):
                require_answer(await http.request(operation.method, path), (operation.method, path))
            if operation.method != "GET":
                continue
            for parameter, values in zip(operation.query, in_turn(len(operation.query)), strict=True):
                for text in (value for value in values if isinstance(value, str)):
                    path = f"{path_of(operation, place)}?{parameter.name}={quoted(text)}"
                    require_answer(await http.get(path), (operation.method, path))


async def test_no_value_in_a_body_is_an_internal_error(place: Place) -> None:
    fields = [
        (operation, field)
        for operation in TABLE
        for request in operation.request
        for field in request.__struct_encode_fields__
    ]
    async with client(place.launcher) as http:
        for (operation, field), values in zip(fields, in_turn(len(fields)), strict=True):
            names = {name for request in operation.request for name in request.__struct_encode_fields__}
            known = {name: value for name, value in place.good.items() if name in names}
            for value in values:
                body = encoded(known | {field: value})
                answer = await http.request(operation.method, path_of(operation, place), content=body)
                require_answer(answer, (operation.path, field, value))


async def test_no_body_or_content_type_is_an_internal_error(place: Place) -> None:
    async with client(place.launcher) as http:
        for operation in TABLE:
            if operation.request or operation.receives:
                for body, media_type in zip(BODIES, itertools.cycle(MEDIA_TYPES), strict=False):
                    path, headers = path_of(operation, place), {b"content-type": media_type}
                    answer = await http.request(operation.method, path, content=body, headers=headers)
                    require_answer(answer, (operation.path, body, media_type))
