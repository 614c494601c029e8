"""The generated pages of docs/ match the code."""

from pathlib import Path

import pytest

from cli import docs
from cli.program import COMMANDS, command_tree
from mailauncher.errors import Code
from mailauncher.settings import catalogue

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
def test_every_generated_page_is_current() -> None:
    """`mailauncher schema --docs` updates them."""
    stale = [
        name
        for name, text in docs.generated_pages(command_tree("en")).items()
        if (DOCS / name).read_text("utf-8") != text
    ]
    assert stale == []


def test_every_setting_is_documented() -> None:
    text = docs.configuration()
    for setting in catalogue():
        assert f"| `{setting.name}` | `{setting.variable}` |" in text


def test_every_command_and_every_error_code_is_documented() -> None:
    text = docs.commands(command_tree("en"))
    for command in COMMANDS:
        assert f"\n## mailauncher {command}\n" in text
    assert "\n### mailauncher config set\n" in text
    assert " None`" not in text  # the name of a value: `edit` had "--notes None"
    for code in Code:
        assert f"| `{code}` | " in text


def test_the_limits_of_a_number_follow_its_type() -> None:
    assert "| integer, from 1 up to 65535 |" in docs.configuration()
