"""Entity tags of HTTP responses, and what `If-None-Match` says about them (RFC 9110, 8.8.3 and 13.1.2)."""

import hashlib
import re

_TAG = re.compile(rb'(?:W/)?("[^"]*")')


def etag_of(body: bytes) -> bytes:
    """A tag made from the content, so that it stays valid across restarts."""
    return b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an `If-None-Match` matches the tag: `*`, or a list that contains it, weak or strong."""
    if not if_none_match:
        return False
    return if_none_match.strip() == b"*" or etag in _TAG.findall(if_none_match)
