"""A configuration file of an instance: reading it, changing it, editing it in the user's editor."""

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.client import ApiClient, Instance, RequestRefused
from cli.confirm import confirm
from cli.console import Console, print_json
from cli.temporary import temporary_folder
from mailauncher import files, utf8
from mailauncher.errors import CommandFailed, InvalidParameter
from mailauncher.utf8 import NotUtf8

_FILE = "query ($id: ID!, $name: String!) { file: configFile(instanceId: $id, name: $name) { %s } }"
_COMMAND = """mutation ($input: %sInput!) { done: %s(input: $input) {
  changed changedKeys restartNeeded message file { etag } } }"""
_DIFF = """query ($id: ID!, $name: String!, $revision: ID!) {
  revision: configRevision(instanceId: $id, name: $name, id: $revision) { diff } }"""


@dataclass(frozen=True)
class File:
    """A configuration file of an instance on a server."""

    client: ApiClient
    console: Console
    instance: Instance
    name: str

    def read(self, fields: str) -> Any:
        return self.client.graphql(_FILE % fields, id=self.instance.id, name=self.name)["file"]

    def read_revision(self, revision: str) -> Any:
        found = self.client.graphql(_DIFF, id=self.instance.id, name=self.name, revision=revision)
        return found["revision"]

    def change(self, mutation: str, as_json: bool, **given: object) -> None:
        kind = mutation[0].upper() + mutation[1:]
        given = {"instanceId": self.instance.id, "name": self.name, **given}
        done = self.client.graphql(_COMMAND % (kind, mutation), input=given)["done"]
        if as_json:
            print_json(done)
        else:
            print(done["message"])


def edit_file(target: File, *, as_json: bool) -> None:
    """Opens a copy of the file in the user's editor and writes it back. An edit that cannot be written is kept.

    Raises CommandFailed for the editor, and what writing raises.
    """
    found = target.read("text etag path")
    folder = temporary_folder("mailauncher-")
    copy = folder / Path(found["path"]).name
    try:
        with copy.open("w", encoding="utf-8", newline="") as opened:
            opened.write(found["text"])
        _edit_until_valid(target, copy, found["text"], found["etag"], as_json=as_json)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # empty: the editor removed the file
        if files.exists(folder):
            kept = copy if files.exists(copy) else folder  # saved under another name
            target.console.note(f"编辑的内容保留在 {kept}", f"Your edit is kept in {kept}")
        raise
    shutil.rmtree(folder, ignore_errors=True)  # many editors leave a backup of the file beside it


def _edit_until_valid(target: File, copy: Path, before: str, etag: str, *, as_json: bool) -> None:
    """Opens the editor until the server accepts the text, or the user gives up. Writes only over the version `etag`."""
    while True:
        _open_editor(copy)
        try:
            text = utf8.decode(copy.read_bytes())
        except OSError as error:
            raise CommandFailed(
                f"编辑器 {_editor()} 没有留下可读的文件，未作改动：{error.strerror}；请将 EDITOR 设为文本编辑器",
                f"The editor {_editor()} left no file to read, and nothing was changed: {error.strerror}; set EDITOR to a text editor",
            ) from None
        except NotUtf8 as error:
            raise InvalidParameter(
                f"编辑后的文件{error.text.zh}", f"The edited file is {error.text.en}"
            ) from None
        if text == before:
            target.console.note("没有改动", "Nothing was changed")
            return
        try:
            target.change("writeConfigText", as_json, text=text, ifMatch=etag)
            return
        except RequestRefused as error:
            if error.code != "INVALID_PARAMETER" or not sys.stdin.isatty():
                raise
            target.console.report(error)
            again = target.console.pick("继续编辑？", "Edit again?")
            if not confirm(target.console, again, default=True):
                raise


def _editor() -> str:
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"


def _open_editor(file: Path) -> None:
    """Raises CommandFailed."""
    editor = _editor()
    try:
        ended = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"无法打开编辑器 {editor}：请设置 EDITOR", f"Cannot open the editor {editor}: set EDITOR"
        ) from error
    if ended:
        raise CommandFailed(
            f"编辑器以状态 {ended} 结束，未作改动",
            f"The editor exited with status {ended}; nothing was changed",
        )
