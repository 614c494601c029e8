"""Text that people write with an editor: UTF-8, with or without a byte order mark, which some editors put before it."""

import codecs

from mailauncher.errors import Text

BOM = codecs.BOM_UTF8
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotUtf8(ValueError):
    """Says what the content is instead, and what to do."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def decode(content: bytes) -> str:
    """The text without its byte order mark. Raises NotUtf8."""
    require_not_utf16(content)
    try:
        return content.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise NotUtf8(
            Text(
                f"第 {line} 行不是 UTF-8 编码（可能是 GBK），请用编辑器另存为 UTF-8",
                f"not UTF-8 at line {line} (it may be GBK): save it as UTF-8 with an editor",
            )
        ) from None


def require_not_utf16(content: bytes) -> None:
    """Raises NotUtf8 for UTF-16, as Windows writes it: by its mark, or by a NUL in one of the first two characters."""
    if content.startswith(_UTF_16) or (b"\0" in content[:2] and any(content[:2])):
        raise NotUtf8(Text("是 UTF-16 编码，请另存为 UTF-8", "UTF-16: save it as UTF-8"))
