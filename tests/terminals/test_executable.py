"""What cannot be executed: the error names what the user gave, why it fails and what to do."""

import errno
import os
from pathlib import Path

import pytest

from mailauncher.errors import CommandFailed
from mailauncher.launch import Launch, child_environment
from resolvers import terminals
from resolvers.context import Context
from terminals.executable import explain, is_shell_script
from tests.support.context import add_bot
from tests.support.unprivileged import nobodys_folder

SCRIPT = b"#!/bin/bash\necho hello\n"
FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xfe\xca" + bytes(100)  # e_machine: none that exists


def program(folder: Path, name: str, content: bytes, mode: int = 0o755) -> None:
    (folder / name).write_bytes(content)
    (folder / name).chmod(mode)


async def test_what_cannot_be_executed_is_named_as_it_was_given_with_the_way_out(
    ctx: Context, tmp_path: Path
) -> None:
    """`source` was called `/bin/source`, and a script that was there was called missing."""
    folder = tmp_path / "bot"
    terminal = terminals.find(ctx, f"{(await add_bot(ctx, folder)).id}_main")
    program(folder, "windows.sh", SCRIPT.replace(b"\n", b"\r\n"))
    program(folder, "plain.sh", SCRIPT, 0o644)
    program(folder, "headless.sh", b"echo hello\n")
    program(folder, "odd.sh", b"#!/opt/none/python3 -X\n")
    program(folder, "bot.exe", b"MZ\x90\0" + bytes(100))
    program(folder, "foreign", FOREIGN)
    (folder / "folder").mkdir()
    expected = {
        "nonesuch": "No such program: nonesuch; no shell runs",
        "./none.sh": "No such program: ./none.sh; no shell",
        "windows.sh": "No such program: windows.sh. There is a file of that name in the folder: write ./windows.sh",
        "./windows.sh": r"./windows.sh has Windows line ends, and its interpreter is not found for that: convert it",
        "./plain.sh": "./plain.sh is not executable: `chmod +x ./plain.sh`, or name",
        "./headless.sh": "a script needs a first line such as #!/bin/bash; or run it as `bash ./headless.sh`",
        "./odd.sh": "The interpreter in the first line of ./odd.sh does not exist: /opt/none/python3 -X",
        "./bot.exe": "./bot.exe is a program for Windows",
        "./foreign": f"./foreign was built for another kind of machine than this one ({os.uname().machine})",
        "./folder": "./folder is a folder, not a program",
    }
    for given, words in expected.items():
        with pytest.raises(CommandFailed) as refused:
            await terminal.spawn(Launch(argv=(given,), cwd=str(folder), env=child_environment()))
        assert words in refused.value.text.en
        assert given.removeprefix("./") in refused.value.text.zh
        assert "Errno" not in refused.value.text.en
    with pytest.raises(CommandFailed, match="No such folder, or no access to it: /none"):
        await terminal.spawn(Launch(argv=("true",), cwd="/none", env=child_environment()))


async def test_a_path_that_is_too_long_or_out_of_reach_is_an_error_in_words(
    ctx: Context, tmp_path: Path
) -> None:
    """The start failed as an internal error, with `File name too long` in the log: looking for the program raised."""
    folder = tmp_path / "bot"
    terminal = terminals.find(ctx, f"{(await add_bot(ctx, folder)).id}_main")
    for given in (f"./{'a' * 300}", f"./{'a/' * 2500}", "a" * 300):
        with pytest.raises(CommandFailed, match=r"path of the program is too long: .{80}\.\.\.; give"):
            await terminal.spawn(Launch(argv=(given,), cwd=str(folder), env=child_environment()))


def test_a_program_below_a_folder_that_may_not_be_entered_is_told() -> None:
    """A start failed as an internal error, `Permission denied`: looking for the program raised."""
    with nobodys_folder() as folder:
        (folder / "closed").mkdir()
        program(folder / "closed", "bot", SCRIPT)
        (folder / "closed").chmod(0)
        why = explain(Launch(argv=("./closed/bot",), cwd=str(folder), env={}), errno.EACCES)
        assert why is not None
        assert "A folder on the way to ./closed/bot may not be entered" in why.en
        why = explain(Launch(argv=("true",), cwd=str(folder / "closed" / "bot"), env={}), errno.EACCES)
        assert why is not None
        assert "No such folder, or no access to it" in why.en


def test_a_shell_script_is_known_by_its_first_word_or_line(tmp_path: Path) -> None:
    program(tmp_path, "start", b"#!/usr/bin/env bash\n")
    program(tmp_path, "bot", b"#!/usr/bin/env python3\n")
    found = {
        word: is_shell_script(Launch(argv=(word,), cwd=str(tmp_path), env=child_environment()))
        for word in ("bash", "/bin/sh", "./start", "./bot", "./none", "python3")
    }
    assert [word for word, is_script in found.items() if is_script] == ["bash", "/bin/sh", "./start"]
