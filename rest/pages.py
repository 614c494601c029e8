"""Pages for people: self-contained, in the reader's language, allowed to run only the script that they carry.

Their text stands in `html/` as `⟦中文|English⟧`.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from mailauncher.errors import Text
from resolvers.context import Context
from rest.answers import Answer, tagged
from rest.operation import Call, Operation

MEDIA = "text/html"
FOLDER = Path(__file__).with_name("html")
_BOTH = re.compile(r"⟦([^|⟧]*)\|([^⟧]*)⟧")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """One page in both languages."""

    zh: Answer
    en: Answer

    def in_language(self, language: str) -> Answer:
        return self.en if language == "en" else self.zh


def read(name: str) -> Page:
    """Reads a page's file, once."""
    text = (FOLDER / name).read_text("utf-8")
    return Page(*(_answer(_BOTH.sub(rf"\{group}", text), tag) for group, tag in ((1, "zh"), (2, "en"))))


def _answer(html: str, language: str) -> Answer:
    return tagged(
        html.encode(),
        (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-language", language.encode()),
            (b"content-security-policy", _policy(html).encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-frame-options", b"DENY"),
            (b"vary", b"Accept-Language"),
        ),
    )


def _policy(html: str) -> str:
    """Nothing but the page's own script and style, which are named by their hashes, and requests to this server."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    return (
        f"default-src 'none'; script-src {' '.join(hashes['script'])}; style-src {' '.join(hashes['style'])}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_HOME, _DOCS = read("home.html"), read("docs.html")


async def _home(_ctx: Context, call: Call) -> Answer:
    return _HOME.in_language(call.language)


async def _docs(_ctx: Context, call: Call) -> Answer:
    return _DOCS.in_language(call.language)


OPERATIONS = (
    Operation(
        method="GET",
        path="/",
        group="pages",
        text=Text("首页", "The front page"),
        handler=_home,
        media=MEDIA,
        public=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/docs",
        group="pages",
        text=Text("可读的 API 文档", "This document, to be read"),
        handler=_docs,
        media=MEDIA,
        public=True,
    ),
)
