"""HTML pages: self-contained, in the reader's language; only their own script may run.

Their texts in `html/` are written as `⟦中文|English⟧`.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from mailauncher.errors import Text
from resolvers.context import Context
from rest.operation import Call, Operation
from rest.responses import Response, with_etag

MEDIA = "text/html"
FOLDER = Path(__file__).with_name("html")
_BOTH = re.compile(r"⟦([^|⟧]*)\|([^⟧]*)⟧")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """One page in both languages."""

    zh: Response
    en: Response

    def in_language(self, language: str) -> Response:
        return self.en if language == "en" else self.zh


def read(name: str) -> HtmlPage:
    """Reads a page's file."""
    text = (FOLDER / name).read_text("utf-8")
    return HtmlPage(*(_response(_BOTH.sub(rf"\{group}", text), tag) for group, tag in ((1, "zh"), (2, "en"))))


def _response(html: str, language: str) -> Response:
    return with_etag(
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
    """Allows only the page's own script and style, by their hashes, and requests to this server. No text becomes markup or script."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    return (
        f"default-src 'none'; script-src {' '.join(hashes['script'])}; style-src {' '.join(hashes['style'])}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


_NOT_BUILT, _DOCS = read("not-built.html"), read("docs.html")


def not_built(language: str) -> Response:
    """What stands at the dashboard's place where it was not built: how to get it, and the addresses that there are."""
    return _NOT_BUILT.in_language(language)


async def _docs(_ctx: Context, call: Call) -> Response:
    return _DOCS.in_language(call.language)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/docs",
        group="pages",
        text=Text("可读的 API 文档", "Get this document as a page"),
        handler=_docs,
        media=(MEDIA,),
        public=True,
    ),
)
