"""Errors that all kinds of documents have."""

from mailauncher.errors import InvalidParameter, LauncherError


class BrokenText(InvalidParameter):
    """A text that cannot be read. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(
            f"第 {line} 行第 {column} 列有语法错误：{reason}",
            f"Syntax error at line {line}, column {column}: {reason}",
        )
        self.line = line
        self.column = column


def broken(text: str, line: int | None, column: int | None, reason: str) -> BrokenText:
    """For a syntax error; without a line it is at the end of the text."""
    if line is None:
        line = text.count("\n") + 1
        column = len(text) - text.rfind("\n")
    return BrokenText(line, column or 1, reason)


def unfaithful() -> LauncherError:
    """For a result that does not say what it should. Nothing has been written."""
    return LauncherError(
        "无法在保留原有格式的前提下完成此修改，文件未改动；请改用整体编辑",
        "This change could not be made without harm to the rest of the file, which was left as it is; edit it as a whole",
    )
