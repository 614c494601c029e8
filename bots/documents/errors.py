"""Errors of all kinds of documents."""

from mailauncher.errors import InvalidParameter, LauncherError


class DocumentSyntaxError(InvalidParameter):
    """A text with a syntax error. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(
            f"第 {line} 行第 {column} 列有语法错误：{reason}",
            f"Syntax error at line {line}, column {column}: {reason}",
        )
        self.line = line
        self.column = column


def syntax_error(text: str, line: int | None, column: int | None, reason: str) -> DocumentSyntaxError:
    """The error for a place in a text; without a line it is the end of the text."""
    if line is None:
        line = text.count("\n") + 1
        column = len(text) - text.rfind("\n")
    return DocumentSyntaxError(line, column or 1, reason)


def unsafe_edit() -> LauncherError:
    """The error for an edit whose result does not have the intended values. Nothing has been written."""
    return LauncherError(
        "无法在保留原有格式的前提下完成此修改，文件未改动；请改用整体编辑",
        "This change is not possible while keeping the format of the file, which was not changed; edit the file as a whole",
    )
