"""Encoded answers that are sent again while nothing has changed."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from mailauncher.etags import etag_of
from schema.context import Reader

KEPT_BYTES = 16 << 20
"""Maximum size of all kept answers with their requests."""
REQUEST_BYTES = 64 << 10
"""A larger request is always executed."""

Headers = list[tuple[bytes, bytes]]


class Asked(NamedTuple):
    """All that an answer depends on besides the version. The bytes of the request stand for document, variables and operation:
    where they are equal, so are those."""

    method: str
    request: bytes
    content_type: bytes
    accept: bytes
    reader: Reader


class Answer(NamedTuple):
    """A complete answer. An empty `etag`: it cannot be revalidated."""

    body: bytes
    headers: Headers
    etag: bytes = b""


class KeptAnswers:
    """The answers of one version, the most recently used ones. A new version makes all of them worthless."""

    def __init__(self) -> None:
        self._version = -1
        self._answers: OrderedDict[Asked, Answer] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, asked: Asked, version: int) -> Answer | None:
        if version != self._version:
            return None
        found = self._answers.get(asked)
        if found is not None:
            self._answers.move_to_end(asked)
        return found

    def keep(self, asked: Asked, version: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Answer:
        """Keeps an answer of this version, the present one. An answer to GET gets an ETag."""
        if version != self._version:
            self._answers.clear()
            self._version, self._bytes = version, 0
        answer = _revalidable(body, headers) if asked.method == "GET" else Answer(body, list(headers))
        self._forget(asked)
        self._answers[asked] = answer
        self._bytes += _size(asked, answer)
        while self._bytes > KEPT_BYTES:
            self._forget(next(iter(self._answers)))
        return answer

    def _forget(self, asked: Asked) -> None:
        answer = self._answers.pop(asked, None)
        if answer is not None:
            self._bytes -= _size(asked, answer)


def _size(asked: Asked, answer: Answer) -> int:
    return len(asked.request) + len(asked.content_type) + len(asked.accept) + len(answer.body)


def _revalidable(body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Answer:
    etag = etag_of(body)
    added = [(b"cache-control", b"no-cache"), (b"vary", b"Accept, Accept-Language"), (b"etag", etag)]
    return Answer(body, [*headers, *added], etag)
