"""Which language the command line speaks, and how it lays out what it says."""

import pytest

from mailauncher.cli.program import tree
from mailauncher.cli.voice import Voice, choose, table
from mailauncher.errors import VERDICTS, Code, CommandFailed
from mailauncher.settings import SettingsError


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
    assert choose(["ls"], environ) == (language, ["ls"])


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
def test_lang_overrides_the_locale_wherever_it_stands(
    arguments: list[str], expected: tuple[str, list[str]]
) -> None:
    assert choose(arguments, {"LANG": "en_US.UTF-8"}) == expected


def test_every_command_and_option_has_its_help_in_chinese() -> None:
    """Building the tree fails for a text that has none."""
    root = tree("zh")
    texts = [root.help, *(command.help for command in root.commands.values())]
    for command in (root, *root.commands.values()):
        texts += [parameter.help for parameter in command.params]
    assert [text for text in texts if text.isascii()] == []


def test_every_command_and_option_has_help() -> None:
    root = tree("en")
    for command in (root, *root.commands.values()):
        assert command.help
        assert [parameter.name for parameter in command.params if not parameter.help] == []


def test_wide_characters_keep_the_columns_straight() -> None:
    assert table([("名称", "状态"), ("a", "b"), ("麦麦", "running")]) == "名称  状态\na     b\n麦麦  running"


def test_a_failure_is_one_line_and_what_was_printed_last_is_indented(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = CommandFailed("主程序已退出\n行一\n行二", "main exited\none\ntwo")
    assert Voice("en").fail(error) == VERDICTS[Code.COMMAND_FAILED].exit
    assert capsys.readouterr().err == "Error COMMAND_FAILED: main exited\n  one\n  two\n"
    Voice("zh").fail(error)
    assert capsys.readouterr().err.startswith("错误 COMMAND_FAILED: 主程序已退出\n")


def test_a_wrong_setting_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert Voice("en").fail(SettingsError("错", "wrong")) == 2
    assert capsys.readouterr().err == "Error INVALID_PARAMETER: wrong\n"
