"""Run commands: words, split as by a POSIX shell, which does not run them. What only a shell could do is refused."""

import re
import shlex
from collections.abc import Sequence

from mailauncher.errors import InvalidParameter, Text

LIMIT = 4096
"""Characters of a command: one that a person types is shorter. It is parsed on the event loop, and again at every start."""
SHOWN = 200
"""Characters of a command that an error shows."""

_OPERATOR = re.compile(
    r"[|;]+|\|&|&&|(?:\d?|&)(?:>>?\|?|<{1,3})&?[^<>=\s]*-?|.*;"
    r"|(?=\S+\Z).+&&.*"  # blanks are looked for once: for `\S+&&\S*` it was once for each `&`
)
_BACKGROUND = re.compile(r"(?:.*[^&])?&")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_BUILTINS = frozenset(
    {"source", ".", "cd", "export", "alias", "unset", "eval", "exec", "set", "ulimit", "umask"}
)
# What is quoted or escaped, one after the other. The group is a backslash, single or double, as in a Windows path. Each match
# begins where the one before ends, and every quote has its end, since shlex has found it: so the time is linear.
_ESCAPED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|(\\\\?[A-Za-z0-9._])|\\.""", re.DOTALL)
_WORD = re.compile(r"\S+")


def split(run_command: str) -> tuple[str, ...]:
    """The words of a run command. Raises InvalidParameter."""
    if found := _too_long(run_command):
        raise _invalid(found)  # before shlex, whose time is quadratic
    try:
        words = tuple(shlex.split(run_command))
    except ValueError as error:
        raise _invalid(Text(f"运行命令无效：{error}", f"Invalid run command: {error}")) from None
    if not any(words[:1]) or "\0" in run_command:
        raise _invalid(Text("运行命令为空", "The run command is empty"))
    if found := problem(words, run_command):
        raise _invalid(found)
    if path := _windows_path(run_command):
        raise _invalid(
            Text(
                f"运行命令中的 {path[:80]} 是 Windows 路径，而反斜杠在这里是转义符：请改用 /",
                f"{path[:80]} in the run command is a Windows path, and a backslash is an escape here: use / instead",
            )
        )
    return words


def problem(words: Sequence[str], run_command: str | None = None) -> Text | None:
    """That there are too many of these words, or what only a shell could do with them and how to write it; `run_command` is
    what was typed. What follows `-c` is for the program that it is given to."""
    typed = shlex.join(words) if run_command is None else run_command.strip()
    if found := _too_long(typed):
        return found
    typed = typed if len(typed) <= SHOWN else f"{typed[:SHOWN]}…"
    through_shell = f"bash -c {shlex.quote(typed)}"
    first = words[0]
    if _ASSIGNMENT.fullmatch(first):
        return _no_shell(first, f"env {typed}")
    if first in _BUILTINS:
        return _no_shell(first, through_shell)
    for word in words[: words.index("-c") if "-c" in words else None]:
        if _BACKGROUND.fullmatch(word):
            return Text(
                f"运行命令不经过 shell，不能用 {word[-80:]} 放到后台，也不需要：MaiLauncher 让它独立于自己运行。请去掉 &",
                f"No shell runs the command, so `{word[-80:]}` does not put it in the background, and need not:"
                " it runs apart from MaiLauncher anyway. Leave out the `&`",
            )
        if _OPERATOR.fullmatch(word):
            return _no_shell(word, through_shell)
    return None


def _too_long(run_command: str) -> Text | None:
    if len(run_command) <= LIMIT:
        return None
    return Text(
        f"运行命令不能超过 {LIMIT} 个字符，它有 {len(run_command)} 个：请写进脚本，再运行脚本",
        f"A run command has at most {LIMIT} characters, and this one has {len(run_command)}: put it into a script, and run that",
    )


def _windows_path(run_command: str) -> str | None:
    """The first word with a backslash that would be lost."""
    at = next((found.start() for found in _ESCAPED.finditer(run_command) if found[1]), None)
    if at is None:
        return None
    return next(word[0] for word in _WORD.finditer(run_command) if word.end() > at)


def _no_shell(word: str, instead: str) -> Text:
    return Text(
        f"运行命令不经过 shell，{word[:80]} 不起作用：请写成 {instead}",
        f"No shell runs the command, so `{word[:80]}` has no effect: write `{instead}`",
    )


def _invalid(text: Text) -> InvalidParameter:
    return InvalidParameter(text.zh, text.en, field="run_cmd")
