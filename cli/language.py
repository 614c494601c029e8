"""The language of the command line: which one, the help in both, and Typer's own words in Chinese."""

import inspect
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from mailauncher.errors import Text, locale_language

LANGUAGES = ("zh", "en")
_FLAG = "--lang"
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")

Function = TypeVar("Function", bound=Callable[..., Any])

_CHINESE: dict[str, str] = {}
"""The Chinese of each English help text, as in a gettext catalogue: Typer keeps one string for each command and option."""


def choose_language(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """(language, remaining arguments): `--lang` anywhere, else the locale; Chinese for `zh*`, otherwise English.

    An unknown language stays among the arguments, and is rejected like any other bad option.
    """
    rest = list(arguments)
    end = rest.index("--") if "--" in rest else len(rest)
    for at, word in enumerate(rest[:end]):
        name, equals, value = word.partition("=")
        if name != _FLAG:
            continue
        width = 1 if equals else 2
        language = value if equals else next(iter(rest[at + 1 : end]), "")
        if language in LANGUAGES:
            del rest[at : at + width]
            return language, rest
        break
    locale = next((environ[name] for name in _LOCALE if environ.get(name)), "")
    return locale_language(locale), rest


def help_text(zh: str, en: str) -> str:
    """The English help of an option, an argument or a group of commands; `translate` puts the Chinese in its place."""
    en = inspect.cleandoc(en)
    assert _CHINESE.setdefault(en, zh) == zh, f"two translations of {en!r}"
    return en


def described(zh: str, en: str) -> Callable[[Function], Function]:
    """Gives a command its help in both languages."""

    def describe(function: Function) -> Function:
        function.__doc__ = help_text(zh, en)
        return function

    return describe


for _text in (
    Text("为当前 shell 安装命令补全。", "Install completion for the current shell."),
    Text(
        "显示当前 shell 的补全脚本。",
        "Show completion for the current shell, to copy it or customize the installation.",
    ),
    Text("显示本帮助后退出。", "Show this message and exit."),
):
    help_text(*_text)


def translate(command: Any, parent: Any = None) -> None:
    """Puts the help of a command and of its sub-commands into Chinese. Raises KeyError for help without a translation."""
    context = command.context_class(command, parent, command.name, **command.context_settings)
    command.help = _CHINESE[command.help]
    for parameter in command.get_params(context):
        parameter.help = _CHINESE[parameter.help]
    command.context_class = _chinese_context(command.context_class)
    for sub_command in getattr(command, "commands", {}).values():
        translate(sub_command, context)


def _chinese_context(base: Any) -> Any:
    """A class of contexts whose help has Chinese headings."""

    class Formatter(base.formatter_class):  # type: ignore[misc]  # Typer's own class is private
        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, "用法：" if prefix is None else prefix)

        def write_heading(self, heading: str) -> None:
            self.write(f"{'':>{self.current_indent}}{_HEADINGS.get(heading) or _CHINESE[heading]}：\n")

        def write_dl(self, rows: Sequence[tuple[str, str]], *args: Any, **given: Any) -> None:
            super().write_dl([(name, _notes(meaning)) for name, meaning in rows], *args, **given)

    return type("Context", (base,), {"formatter_class": Formatter})


_HEADINGS = {"Options": "选项", "Arguments": "参数", "Commands": "命令"}


def _notes(meaning: str) -> str:
    """What Typer adds to the help of a parameter, in brackets."""
    notes = {r"\[required\]$": "[必填]", r"\[default: ([^]]*)\]$": r"[默认：\1]"}
    for english, chinese in notes.items():
        meaning = re.sub(english, chinese, meaning)
    return meaning


def usage_error(error: Any, language: str) -> str:
    """What to say about arguments that the parser rejects: the usage, where to find help, the reason."""
    shown = io.StringIO()
    error.show(shown)
    lines = shown.getvalue().rstrip("\n")
    return "\n".join(map(_parsers_line, lines.splitlines())) if language == "zh" else lines


def _parsers_line(line: str) -> str:
    """A line of a parser's error in Chinese; a line that is not known stays as it is."""
    for text in _PARSER_LINES:
        pattern = re.escape(text.en).replace(re.escape("{}"), "(.*)")
        if found := re.fullmatch(pattern, line):
            return text.zh.format(*map(_parsers_line, found.groups()))
    return line


_PARSER_LINES = (
    Text("用法：{}", "Usage: {}"),
    Text("运行 '{}' 查看帮助。", "Try '{}' for help."),
    Text("错误：{}", "Error: {}"),
    Text("{}是否想用 {}？", "{} Did you mean {}?"),
    Text("{}（可用的选项：{}）", "{} (Possible options: {})"),
    Text("没有命令 {}。", "No such command {}."),
    Text("没有命令 {}。", "No such command {}"),
    Text("缺少命令。", "Missing command."),
    Text("没有选项 {}。", "No such option: {}"),
    Text("缺少参数 {}。", "Missing argument {}."),
    Text("缺少选项 {}。", "Missing option {}."),
    Text("选项 {} 需要一个值。", "Option {} requires an argument."),
    Text("选项 {} 不接受值。", "Option {} does not take a value."),
    Text("多余的参数：{}", "Got unexpected extra argument(s) ({})"),
    Text("{} 的值无效：{}", "Invalid value for {}: {}"),
    Text("值无效：{}", "Invalid value: {}"),
    Text("{} 不是整数。", "{} is not a valid int."),
    Text("{} 不是整数。", "{} is not a valid int range."),
    Text("{} 不是数。", "{} is not a valid float range."),
    Text("{} 不在范围 {} 内。", "{} is not in the range {}."),
    Text("{} 不是 {} 之一。", "{} is not one of {}."),
)
