"""The generated pages of docs/ say what the code says today."""

from pathlib import Path

import pytest

from mailauncher.cli import pages
from mailauncher.cli.program import COMMANDS
from mailauncher.errors import Code
from mailauncher.settings import catalogue

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
def test_every_generated_page_is_current() -> None:
    """`mailauncher schema --docs` writes them anew."""
    stale = [name for name, text in pages.generated().items() if (DOCS / name).read_text("utf-8") != text]
    assert stale == []


def test_every_setting_is_documented() -> None:
    text = pages.configuration()
    for setting in catalogue():
        assert f"| `{setting.name}` | `{setting.variable}` |" in text


def test_every_command_and_every_error_code_is_documented() -> None:
    text = pages.commands()
    for command in COMMANDS:
        assert f"\n## mailauncher {command}\n" in text
    for code in Code:
        assert f"| `{code}` | " in text


def test_the_bounds_of_a_number_stand_with_its_type() -> None:
    assert "| integer, from 1 up to 65535 |" in pages.configuration()
