"""The names of tags and branches: which ones are accepted. Apart from what asks for them, which needs `asyncio`: the worker
of a deployment starts without it."""

import re

from mailauncher.errors import InvalidParameter

REF_LENGTH = 100

REF = re.compile(rf"(?![./-])(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)))[A-Za-z0-9._/-]{{1,{REF_LENGTH}}}(?<![./])")


def check_ref(ref: str) -> None:
    """Raises InvalidParameter unless `ref` is acceptable as a tag or branch: 1-100 ASCII letters, digits and `._/-`, and
    nothing that git or a shell would read as anything but a name."""
    if not REF.fullmatch(ref):
        raise InvalidParameter(
            f"版本名应为 1-{REF_LENGTH} 个 ASCII 字母、数字或 ._/- 字符，且不以 . / - 开头",
            f"A version must have 1-{REF_LENGTH} ASCII letters, digits or ._/- characters and must not start with . / -",
            field="version",
        )
