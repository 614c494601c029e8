"""The language of the command line, and the layout of what it prints."""

import errno
import io
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.exceptions import TyperException

from cli.colours import GREEN, coloured, diff
from cli.console import Console, SafeStream, print_content, safe_stream
from cli.help import EXAMPLES
from cli.language import choose_language, usage_error
from cli.program import command_tree
from cli.progress import without_failure
from cli.table import byte_size, fitted, format_table
from mailauncher.errors import ERROR_INFO, Code, CommandFailed, InstanceNotFound, VersionNotFound
from mailauncher.settings import SettingsError
from mailauncher.system_text import visible
from tests.support.program import Home


@pytest.mark.parametrize(
    "environ, language",
    [
        ({}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
    ],
)
def test_the_locale_chooses_the_language(environ: dict[str, str], language: str) -> None:
    assert choose_language(["ls"], environ) == (language, ["ls"])


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--lang", "zh", "ls"], ("zh", ["ls"])),
        (["ls", "--lang=zh", "--json"], ("zh", ["ls", "--json"])),
        (["start", "a", "--lang", "zh"], ("zh", ["start", "a"])),
        (["ls", "--lang", "fr"], ("en", ["ls", "--lang", "fr"])),
        (["ls", "--lang"], ("en", ["ls", "--lang"])),
        (["start", "--", "--lang", "zh"], ("en", ["start", "--", "--lang", "zh"])),
    ],
)
def test_lang_overrides_the_locale_anywhere_on_the_line(
    arguments: list[str], expected: tuple[str, list[str]]
) -> None:
    assert choose_language(arguments, {"LANG": "en_US.UTF-8"}) == expected


def walk(command: Any) -> Iterator[Any]:
    """A command and all its sub-commands."""
    yield command
    for sub_command in getattr(command, "commands", {}).values():
        yield from walk(sub_command)


def test_every_command_and_option_has_help_in_chinese() -> None:
    """Building the tree fails for a text without a translation."""
    commands = list(walk(command_tree("zh")))
    assert {"set", "import"} <= {command.name for command in commands}
    texts = [command.help for command in commands]
    texts += [parameter.help for command in commands for parameter in command.params]
    assert [text for text in texts if text.isascii()] == []


def test_every_command_and_option_has_help() -> None:
    for command in walk(command_tree("en")):
        assert command.help
        assert [parameter.name for parameter in command.params if not parameter.help] == []


def test_the_help_of_the_program_shows_each_command_in_a_group_with_its_whole_sentence() -> None:
    """31 commands were one flat list, and their sentences ended in "..."."""
    command = command_tree("en")
    shown = command.get_help(command.make_context("mailauncher", [], resilient_parsing=True))
    assert "..." not in shown.replace("[ARGS]...", "")
    named = [name for names in command.sections.values() for name in names]
    assert sorted(named) == sorted(command.commands)
    for name in named:
        assert f"\n  {name} " in shown


def test_the_examples_of_each_command_are_valid_and_appear_in_its_help() -> None:
    """No help had any."""
    command = command_tree("en")
    for path, lines in EXAMPLES.items():
        found = command
        for name in path.split():
            found = found.commands[name]
        for line in lines:
            assert f"  mailauncher {line}" in found.epilog
            assert line.startswith(path)
            *groups, last = path.split()
            context, words = (
                command.make_context("mailauncher", [], resilient_parsing=True),
                shlex.split(line),
            )
            parent = command
            for group in groups:
                parent = parent.commands[group]
                context = parent.make_context(group, [], parent=context, resilient_parsing=True)
            if not getattr(found, "commands", {}):
                found.make_context(last, words[len(path.split()) :], parent=context)


@pytest.mark.parametrize("path", [(), ("logs",), ("config",), ("config", "set")])
def test_help_has_no_english_headings_in_chinese(path: tuple[str, ...]) -> None:
    command = command_tree("zh")
    context = command.make_context("mailauncher", [], resilient_parsing=True)
    for name in path:
        command = command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
    shown = command.get_help(context)
    assert shown.startswith("用法：")
    assert re.findall(r"Usage|Options|Arguments|Commands|Examples|Server|required|default", shown) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["attahc"], "错误：没有命令 'attahc'。是否想用 'attach'？"),
        (["config"], "错误：缺少命令。"),
        (["config", "gte", "bot", "bot", "version"], "错误：没有命令 'gte'。是否想用 'get'？"),
        (["ls", "--nothing"], "错误：没有选项 --nothing。"),
        (["attach"], "错误：缺少参数 'INSTANCE'。"),
        (["ls", "one"], "错误：多余的参数：one"),
        (["ls", "--url"], "错误：选项 '--url' 需要一个值。"),
        (["ls", "--json=1"], "错误：选项 '--json' 不接受值。"),
        (["deploy", "bot", "--port", "x"], "错误：'--port' 的值无效：'x' 不是整数。"),
        (["logs", "bot", "-n", "x"], "错误：'--lines' / '-n' 的值无效：'x' 不是整数。"),
        (["logs", "bot", "-n", "-1"], "错误：'--lines' / '-n' 的值无效：-1 不在范围 0<=x<=1000000000 内。"),
        (["stop", "bot", "--wait", "x"], "错误：'--wait' 的值无效：'x' 不是数。"),
        (["--lang", "fr"], "错误：'--lang' 的值无效：'fr' 不是 'zh', 'en' 之一。"),
    ],
)
def test_an_error_of_the_parser_is_chinese_in_chinese(arguments: list[str], message: str) -> None:
    with pytest.raises(TyperException) as caught:
        command_tree("zh").main(arguments, prog_name="mailauncher", standalone_mode=False)
    *usage, last = usage_error(caught.value, "zh").splitlines()
    assert last == message
    if usage:
        assert usage[0].startswith("用法：mailauncher")
        assert usage[1].endswith(" 查看帮助。")


@pytest.mark.parametrize("command", ["start", "stop", "restart", "rm", "cancel"])
@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "-inf", "-1"])
def test_a_time_to_wait_is_a_finite_number(command: str, value: str) -> None:
    """With `--wait nan`, which is neither too small nor too large, the waiting never ended."""
    with pytest.raises(TyperException) as caught:
        command_tree("en").main([command, "bot", f"--wait={value}"], standalone_mode=False)
    assert "Invalid value for '--wait': " in usage_error(caught.value, "en")


@pytest.mark.slow
@pytest.mark.parametrize(
    "line, expected",
    [
        ("mailauncher conf", {"config"}),
        ("mailauncher config re", {"restore"}),
        ("mailauncher config set --t", {"--text", "--token"}),
        ("mailauncher person i", {"import"}),
    ],
)
def test_commands_sub_commands_and_options_are_completed(place: Home, line: str, expected: set[str]) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    completed = place.run(_MAILAUNCHER_COMPLETE="complete_bash", **words)
    assert set(completed.stdout.split()) == expected


def test_colours_reach_a_terminal_only_and_nobody_else_can_add_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """There were none."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    written = io.BytesIO()
    former = io.TextIOWrapper(written, "utf-8")
    stream = safe_stream(former)

    def shown(text: str) -> str:
        written.seek(0)
        written.truncate()
        stream.write(text)
        stream.flush()
        return written.getvalue().decode()

    table = format_table([["a", coloured("running", GREEN), "b"], ["a\x1b[31m", coloured("名", GREEN), "b"]])
    plain = "a          running  b\na\\x1b[31m  名       b"
    assert shown(table) == plain
    monkeypatch.setattr(SafeStream, "isatty", lambda _self: True)
    assert shown(table) == plain.replace("running", "\x1b[32mrunning\x1b[0m").replace(
        "名", "\x1b[32m名\x1b[0m"
    )
    assert shown(diff("@@ 1 @@\n-a\n+b\n c")) == (
        "\x1b[36m@@ 1 @@\x1b[0m\n\x1b[31m-a\x1b[0m\n\x1b[32m+b\x1b[0m\n c"
    )
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(table) == plain


def test_wide_characters_keep_the_columns_straight() -> None:
    assert (
        format_table([("名称", "状态"), ("a", "b"), ("麦麦", "running")])
        == "名称  状态\na     b\n麦麦  running"
    )


def test_the_reason_of_a_failed_deployment_is_left_to_its_end() -> None:
    """It was printed three times: in the log, beside the progress, and as the error."""
    failed = {"failure": {"message": "why"}, "message": "why", "progress": 40}
    assert without_failure(failed, ["Fetching", "why"]) == (failed | {"message": ""}, ["Fetching"])
    going_on = {"failure": None, "message": "why", "progress": 40}
    assert without_failure(going_on, ["why"]) == (going_on, ["why"])


def test_an_error_is_one_line_with_further_lines_indented(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = CommandFailed("主程序已退出\n行一\n行二", "main exited\none\ntwo")
    assert Console("en").report(error) == ERROR_INFO[Code.COMMAND_FAILED].exit
    assert capsys.readouterr().err == "Error COMMAND_FAILED: main exited\n  one\n  two\n"
    Console("zh").report(error)
    assert capsys.readouterr().err.startswith("错误 COMMAND_FAILED: 主程序已退出\n")


def test_an_invalid_setting_exits_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert Console("en").report(SettingsError("错", "wrong")) == 2
    assert capsys.readouterr().err == "Error INVALID_PARAMETER: wrong\n"


def test_what_is_not_found_is_listed_by_a_command_that_the_error_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The advice to choose one from the list of versions did not say which command shows it."""
    for error, command in ((VersionNotFound("", "no"), "versions"), (InstanceNotFound("a"), "ls")):
        Console("en").report(error)
        assert re.search(rf"\n  To list .*: .* {command}\n$", capsys.readouterr().err)


def test_columns_hold_one_line_each() -> None:
    assert format_table([["a\nb", "c"], ["d", "e\x1b"]]) == "a\\nb  c\nd     e\\x1b"


@pytest.mark.slow
def test_the_command_line_shows_no_control_characters_of_a_path(place: Home) -> None:
    """Its escape sequences were obeyed, and U+202E let one path look like another."""
    name = "a\x1b[2J\u202eb"
    file = place.folder / name
    file.touch()
    done = place.run("demo", "--keep", str(file))
    assert done.returncode == 2
    assert visible(name) in done.stderr
    assert visible(done.stderr) == done.stderr


def test_the_content_of_a_file_is_printed_unchanged_unless_a_terminal_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    former = io.TextIOWrapper(
        written, "ascii"
    )  # as the interpreter keeps its own: without it, `written` would be closed
    stream = safe_stream(former)
    monkeypatch.setattr(sys, "stdout", stream)
    print_content("一\x1b")
    stream.flush()
    assert written.getvalue() == "一\x1b".encode()
    monkeypatch.setattr(SafeStream, "isatty", lambda _self: True)
    print_content("一\x1b")
    stream.flush()
    assert written.getvalue() == "一\x1b".encode() + rb"?\x1b"


def test_a_number_of_bytes_has_the_unit_that_suits_it() -> None:
    """A backup of some KiB was shown as 0.0 MiB."""
    sizes = (0, 620, 1023, 1024, 1536, 10 << 10, (1 << 20) - 1, 265 << 20, 3 << 30)
    shown = ["0 B", "620 B", "1023 B", "1.0 KiB", "1.5 KiB", "10 KiB", "1.0 MiB", "265 MiB", "3.0 GiB"]
    assert [byte_size(count) for count in sizes] == shown


def test_a_table_is_as_wide_as_the_terminal_allows() -> None:
    """In 60 columns every line of `ls` was wrapped, and nothing stood below its heading any more."""
    rows = [
        ["NAME", "STATUS", "PORT", "ID"],
        ["小麦的第二个机器人", coloured("running", GREEN), "8000", "0123abcd"],
        ["mai", "stopped", "8001", "4567cdef"],
    ]
    whole, left_out = fitted(rows, (3, 2), None)
    assert (whole[2], left_out) == ("mai                 stopped  8001  4567cdef", set())
    assert fitted(rows, (3, 2), 43) == (whole, set())
    assert fitted(rows, (3, 2), 42)[1] == {3}
    lines, left_out = fitted(rows, (3, 2), 24)
    assert (lines[2], left_out) == ("mai              stopped", {2, 3})
    assert lines[1].split() == ["小麦的第二个机…", coloured("running", GREEN)]
    assert fitted(rows, (3, 2), 5)[0][2] == "mai          stopped"


def test_last_words_to_a_closed_terminal_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Closed())
    with pytest.raises(OSError, match="Input/output"):
        Console("en").note("再见", "Goodbye")
    Console("en").farewell("再见", "Goodbye")
