"""Decodes pictures in base64, with or without a prefix such as `data:image/png;base64,`."""

import base64
import binascii
import re

from mailauncher.errors import InvalidImageFormat
from store import pictures

_PREFIX = re.compile(
    r"data:[\w.+-]{1,64}/[\w.+-]{1,64}(?:;[\w.+-]{1,64}=[\w.+-]{1,64}){0,4};base64,", re.ASCII
)
_PREFIX_LENGTH = 1024
_MAX_CHARACTERS = 2 * pictures.MAX_BYTES
"""A longer text is refused unread; line breaks count."""


def decode(text: str) -> bytes:
    """Returns the bytes. Raises FileTooLarge, before decoding, and InvalidImageFormat."""
    pictures.require_size(len(text) if len(text) > _MAX_CHARACTERS else 1)
    if prefix := _PREFIX.match(text[:_PREFIX_LENGTH]):
        text = text[prefix.end() :]
    try:
        raw = text.encode("ascii").translate(None, b" \t\r\n")
        pictures.require_size(len(raw) // 4 * 3 - raw[-2:].count(b"="))
        return base64.b64decode(raw, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidImageFormat(
            "image_data 不是 base64", "image_data is not base64", field="image_data"
        ) from None
