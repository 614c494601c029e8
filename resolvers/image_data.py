"""Base64 as clients send pictures, with or without `data:image/png;base64,` before it."""

import base64
import binascii
import re

from mailauncher.errors import InvalidImageFormat
from mailauncher.store import pictures

_PREFIX = re.compile(
    r"data:[\w.+-]{1,64}/[\w.+-]{1,64}(?:;[\w.+-]{1,64}=[\w.+-]{1,64}){0,4};base64,", re.ASCII
)
_PREFIX_LENGTH = 1024
_GREATEST = 2 * pictures.MAX_BYTES
"""Characters of a text that is looked at, line breaks included."""


def decode(text: str) -> bytes:
    """The bytes. Raises FileTooLarge, before decoding, and InvalidImageFormat."""
    pictures.require_size(len(text) if len(text) > _GREATEST else 1)
    if prefix := _PREFIX.match(text[:_PREFIX_LENGTH]):
        text = text[prefix.end() :]
    try:
        raw = text.encode("ascii").translate(None, b" \t\r\n")
        pictures.require_size(len(raw) // 4 * 3 - raw[-2:].count(b"="))
        return base64.b64decode(raw, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidImageFormat(
            "image_data 不是 base64", "image_data is no base64", field="image_data"
        ) from None
