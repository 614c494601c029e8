"""The pages built from `dashboard/`: the dashboard at every address that it knows, the explorer, and their files.

A page's policy admits its own files only. Libraries that make `<style>` elements give them the page's nonce, which is new for
each response.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mailauncher import files
from mailauncher.errors import Code, ResourceNotFound, Text
from resolvers.context import Context
from rest import pages
from rest.operation import HEADERS, Call, Operation
from rest.responses import Response

FOLDER = Path(__file__).with_name("built_pages")
IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
# Our own table: that of the system may lack a type, or name another.
MEDIA = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
    ".json": "application/json",
}
COMPRESSED = ((b"br", ".br"), (b"gzip", ".gz"))
"""Content codings in the order of preference, with the ends of the files that have them."""
PAGES = (
    "/",
    "/search",
    "/events",
    "/deploy",
    "/deploy/{id}",
    "/add",
    "/instances/{id}",
    "/instances/{id}/{tab}",
)
"""The addresses at which the dashboard shows something, as `dashboard/src/app/App.tsx` has them."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src-elem 'self' 'nonce-{nonce}'; style-src-attr {attributes}; "
    "img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; worker-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types {trusted}"
)
EXPLORER_TYPES = (
    "explorer-markdown dompurify defaultWorkerFactory domLineBreaksComputer editorViewLayer standaloneColorizer "
    "stickyScrollViewLayer tokenizeToString"
)
"""The Trusted Types policies of the explorer: its own for Markdown, and those of its editor."""


def documents() -> Mapping[str, str]:
    """The documents that the pages send by id; none if the pages were not built."""
    try:
        found: dict[str, str] = json.loads((FOLDER / "documents.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def explorer(language: str) -> Response:
    """The page of `/graphql`. Its editor writes style attributes, HTML, and the addresses of its workers."""
    return _page("explorer.html", language, attributes="'unsafe-inline'", trusted=EXPLORER_TYPES)


@cache
def _read(name: str) -> str | None:
    """The text of a page; None if it was not built."""
    try:
        return (FOLDER / name).read_text("utf-8")
    except FileNotFoundError:
        return None


@cache
def _assets() -> frozenset[str]:
    """The names of all files: nothing else below the folder can be asked for."""
    folder = FOLDER / "assets"
    return frozenset(path.name for path in folder.iterdir()) if files.is_folder(folder) else frozenset()


def _page(name: str, language: str, *, attributes: str, trusted: str) -> Response:
    text = _read(name)
    if text is None:
        return pages.not_built(language)
    nonce = secrets.token_urlsafe(16)
    html = text.replace("<title>", f'<meta name="csp-nonce" content="{nonce}"><title>', 1)
    policy = POLICY.format(nonce=nonce, attributes=attributes, trusted=trusted)
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        (b"cache-control", b"no-store"),  # a nonce is for one response
    )
    return Response(html.encode(), headers)


async def _dashboard(_ctx: Context, call: Call) -> Response:
    return _page("index.html", call.language, attributes="'none'", trusted="'none'")


async def _asset(_ctx: Context, call: Call) -> Response:
    name = call.path["file"]
    media = MEDIA.get(Path(name).suffix)
    if media is None or name not in _assets():
        raise ResourceNotFound("没有这个文件", "File not found")
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", media.encode()),
        IMMUTABLE,
        (b"vary", b"Accept-Encoding"),
    ]
    file = FOLDER / "assets" / name
    accepted = _accepted_codings(call.scope)
    for coding, end in COMPRESSED:
        if coding in accepted and name + end in _assets():
            headers.append((b"content-encoding", coding))
            file = file.with_name(name + end)
            break
    return Response(await asyncio.to_thread(file.read_bytes), tuple(headers))


def _accepted_codings(scope: Mapping[str, Any]) -> frozenset[bytes]:
    """The content codings that a client takes (RFC 9110, 12.5.3), without those of weight 0."""
    given: bytes = scope[HEADERS].get(b"accept-encoding", b"")
    parts = (part.strip().lower().replace(b" ", b"") for part in given.split(b",")[:16])
    return frozenset(
        part.partition(b";")[0] for part in parts if not part.rstrip(b"0").endswith((b"q=", b"q=0."))
    )


OPERATIONS = (
    *(
        Operation(
            method="GET",
            path=path,
            group="pages",
            text=Text("管理页面", "Get the dashboard"),
            handler=_dashboard,
            media=(pages.MEDIA,),
            public=True,
        )
        for path in PAGES
    ),
    Operation(
        method="GET",
        path="/assets/{file}",
        group="pages",
        text=Text("页面的文件", "Get a file of the pages"),
        handler=_asset,
        media=tuple(media.partition(";")[0] for media in MEDIA.values()),
        codes=(Code.RESOURCE_NOT_FOUND,),
        public=True,
    ),
)
