"""Documents that clients send by their id: those of the pages, which the package carries.

A page of an earlier version may still be open after an upgrade. What it sends is unknown then, for which there is a code of
its own, so that it can say that it must be loaded again.
"""

from collections.abc import Mapping
from typing import Any

from mailauncher.errors import InvalidParameter, UnknownDocument

ID_CHARACTERS = 128


class StoredDocuments:
    """Replaces `documentId` in a request with the document. An empty `query` beside it counts as none: a client library may insist
    on one."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self._documents = documents

    def resolve(self, request: dict[str, Any]) -> None:
        """Raises UnknownDocument; InvalidParameter if the request has a document too, or the id is no text."""
        given = request.get("documentId")
        if given is None:
            return
        if not isinstance(given, str) or len(given) > ID_CHARACTERS or request.get("query"):
            raise InvalidParameter(
                "documentId 应为字符串，且不能与 query 同时给出",
                "documentId must be a string, and excludes query",
                field="documentId",
            )
        try:
            request["query"] = self._documents[given]
        except KeyError:
            raise UnknownDocument(
                "此服务器没有这个 id 的文档：页面的版本与服务器不同，请重新加载",
                "This server has no document with that id: the page and the server are of different versions, load the page again",
                field="documentId",
            ) from None
