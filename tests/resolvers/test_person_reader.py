"""Reading persons from files: every line has its place in the result, however the file is cut, in linear time."""

import csv
import io
import json
import random
import time
from collections.abc import Callable

import pytest

from mailauncher.errors import InvalidParameter
from resolvers import person_reader
from resolvers.person_reader import CsvRecords, FileFormat, PersonReader
from resolvers.persons import NewPerson
from tests.support.growth import require_linear

STRAY = 'user_id,nickname\n20001,6"屏\n20002,乙\n20003,丙\n20004,丁\n20005,7"屏\n20006,己\n'
Result = list[tuple[int, str]]


def read(data: bytes, form: FileFormat = FileFormat.CSV, size: int = 64 << 10) -> Result:
    """(line, user id or error) of each record."""
    reader = PersonReader(form)
    found = []
    for at in range(0, len(data) + 1, size):
        found += reader.feed(data[at : at + size], last=at + size > len(data))
    return [
        (number, one.user_id if isinstance(one, NewPerson) else f"! {one.text.en}") for number, one in found
    ]


@pytest.mark.parametrize("size", [1, 7, 64 << 10])
def test_a_quotation_mark_inside_a_cell_is_text(size: int) -> None:
    """Lines up to the next odd quotation mark were joined, and only the first row of them was used: two of six persons
    were created, and none was reported as failed."""
    assert read(STRAY.encode(), size=size) == [(line, f"2000{line - 1}") for line in range(2, 8)]


@pytest.mark.parametrize("size", [1, 7, 64 << 10])
def test_a_quotation_mark_that_is_not_closed_costs_its_line_alone(size: int) -> None:
    data = 'user_id,nickname\n1,"屏\n2,乙\n3,"丙"\n4,丁\n5,"戊\n6,己\n'.encode()
    assert read(data, size=size) == [
        (2, "! A closing quotation mark must be followed by a comma or the end of the line"),
        (3, "2"),
        (4, "3"),
        (5, "4"),
        (6, "! The quotation mark is not closed"),
        (7, "6"),
    ]


def test_a_refused_record_of_several_lines_says_which() -> None:
    (one,) = PersonReader(FileFormat.CSV).feed(b'user_id,nickname\n1,"a\n2,b\n3,c",d\n', last=True)
    assert isinstance(one[1], InvalidParameter)
    assert one[1].text.en == "Expected 2 columns, found 3 (lines 2 to 4 are one record)"


@pytest.mark.parametrize("form", list(FileFormat))
def test_a_line_in_another_encoding_is_refused_alone(form: FileFormat) -> None:
    """The lines before it that came in the same piece were lost, and the number was wrong."""
    lines = ["1", "2", "小林", "4"]
    if form is FileFormat.JSONL:
        lines = [json.dumps({"user_id": line}, ensure_ascii=False) for line in lines]
    head = b"user_id\n" if form is FileFormat.CSV else b"\xef\xbb\xbf"
    found = read(head + "\n".join(lines).encode("gbk"), form)
    first = 2 if form is FileFormat.CSV else 1
    assert found == [
        (first, "1"),
        (first + 1, "2"),
        (first + 2, "! Not UTF-8; save the file as UTF-8"),
        (first + 3, "4"),
    ]


@pytest.mark.parametrize("form", list(FileFormat))
def test_a_line_that_is_too_long_is_refused_alone(form: FileFormat) -> None:
    valid = b"1\n" if form is FileFormat.CSV else b'{"user_id": "1"}\n'
    head = b"user_id\n" if form is FileFormat.CSV else b"\n"
    data = head + valid + b"x" * (3 * person_reader.RECORD_BYTES) + b"\n" + valid
    assert read(data, form) == [(2, "1"), (3, "! The line exceeds 512 KiB"), (4, "1")]


def test_line_ends_of_old_systems_are_refused_by_name() -> None:
    assert read(b"user_id,nickname\r1,a\r2,b\r") == [
        (1, "! Lines must end with LF or CRLF; the other lines were not read")
    ]


def test_a_key_that_comes_twice_is_refused() -> None:
    """The first of two values was lost without a word."""
    for line in ('{"user_id": "1", "user_id": "2"}', '{"user_id": "1", "profile": {"a": 1, "a": 2}}'):
        ((_, error),) = read(line.encode(), FileFormat.JSONL)
        assert error.startswith("! Duplicate key")
    assert read(b'user_id,profile\n1,"{""a"":1,""a"":2}"\n') == [(2, "! Duplicate key a")]


@pytest.mark.parametrize("seed", range(200))
def test_every_line_has_its_place_however_the_file_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    parts = ["a", ",", '"', '""', '"""', "\n", "\n", "\r\n", " ", '"\n', ',"']
    text = "".join(chance.choices(parts, k=chance.randrange(60)))
    lines = list(enumerate(text.splitlines(keepends=True), 1))
    whole = list(CsvRecords().feed(lines, last=True))
    cut = CsvRecords()
    pieces = [record for line in lines for record in cut.feed([line], last=False)]
    pieces += cut.feed([], last=True)
    assert [(begin, end, str(cells)) for begin, end, cells in pieces] == [
        (begin, end, str(cells)) for begin, end, cells in whole
    ]
    covered = [number for begin, end, _ in whole for number in range(begin, end + 1)]
    assert covered == sorted(set(covered))
    assert {number for number, line in lines if line.strip()} <= set(covered)
    try:
        expected = [
            row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if "".join(row).strip()
        ]
    except csv.Error:
        return
    assert [cells for *_, cells in whole if isinstance(cells, list) and "".join(cells).strip()] == expected


HOSTILE: dict[str, tuple[int, Callable[[int], bytes]]] = {
    "line breaks in quotes": (200_000, lambda n: b'a1,"' + b"\n" * n + b'"\n'),
    "quotes that never close": (20_000, lambda n: b'a,"\n' + b'b,""x\n' * n),
    "records as long as they may be": (5, lambda n: (b'a,"' + b"\n" * 100_000 + b'"\n') * n),
    "a line without an end": (4 << 20, lambda n: b"x" * n),
    "a quotation mark opened in every line": (20_000, lambda n: b'a,"x\n' * n),
    "short lines": (20_000, lambda n: b"x\n" * n),
}
"""A count, and a file of that many of something."""


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_twice_the_content_takes_twice_the_time(name: str) -> None:
    """250 KB of line breaks in quotes stopped the server for 16 seconds: each line counted the quotes of all before it."""

    count, make = HOSTILE[name]

    def cost(times: int) -> float:
        data = b"user_id,username\n" + make(times * count)
        begin = time.process_time()
        read(data)
        return time.process_time() - begin

    require_linear(cost)
