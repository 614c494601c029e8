"""`config`: the configuration files of an instance, whole or value by value, and what they have held."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from mailauncher.cli.remote import AsJson, Instance, Refused, Remote, Token, Url, connect
from mailauncher.cli.voice import Voice, table, voice_of
from mailauncher.errors import CommandFailed, InvalidParameter, ResourceNotFound

_FILES = (
    """query ($id: ID!) { files: configFiles(instanceId: $id) { name path kind component exists restart } }"""
)
_FILE = "query ($id: ID!, $name: String!) { file: configFile(instanceId: $id, name: $name) { %s } }"
_COMMAND = """mutation ($input: %sInput!) { done: %s(input: $input) {
  changed changedKeys restartNeeded message file { etag } } }"""
_DIFF = """query ($id: ID!, $name: String!, $revision: ID!) {
  revision: configRevision(instanceId: $id, name: $name, id: $revision) { diff } }"""

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="ACTION...", help="What to do with the file; by default it is printed."),
]


def config(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="INSTANCE", help="Name, id or beginning of an id.")],
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Such as bot or env; by default the files are listed."),
    ] = None,
    words: Words = None,
    text: Annotated[
        bool, typer.Option("--text", help="VALUE is a text, even if it looks like a number, true or JSON.")
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show and change the configuration files of an instance.

    ACTION is get PATH, set PATH VALUE, unset PATH, edit, history, diff [REVISION] or restore REVISION; a PATH is like
    api.hosts.0. A change leaves comments and formatting alone, and every earlier content is kept.
    """
    remote = connect(context, url, token)
    instance = remote.find(name)
    if file is None:
        _list(remote, instance, voice_of(context), as_json=as_json)
        return
    _File(remote, instance, file, voice_of(context), as_json=as_json, text=text).do(words or ["show"])


def _list(remote: Remote, instance: Instance, voice: Voice, *, as_json: bool) -> None:
    files = remote.graphql(_FILES, id=instance.id)["files"]
    if as_json:
        print(json.dumps(files, ensure_ascii=False, indent=2))
        return
    there = {True: "", False: voice.pick("尚不存在", "not there yet")}
    rows = [(f["name"], f["path"], f["component"], there[f["exists"]]) for f in files]
    print(table([_HEADINGS[voice.language], *rows]))


_HEADINGS = {"zh": ("名称", "路径", "所属", ""), "en": ("NAME", "PATH", "OF", "")}
_REVISION_HEADINGS = {"zh": ("修订版", "时间", "来源", "字节"), "en": ("REVISION", "AT", "SOURCE", "BYTES")}


class _File:
    """One file of an instance, and what can be done with it."""

    def __init__(
        self, remote: Remote, instance: Instance, name: str, voice: Voice, *, as_json: bool, text: bool
    ) -> None:
        self._remote = remote
        self._instance = instance
        self._name = name
        self._voice = voice
        self._as_json = as_json
        self._text = text

    def do(self, words: Sequence[str]) -> None:
        """Raises InvalidParameter for words that mean nothing."""
        actions: dict[str, tuple[Callable[..., None], int, int]] = {
            "show": (self._show, 0, 0),
            "get": (self._get, 1, 1),
            "set": (self._set, 2, 2),
            "unset": (self._unset, 1, 1),
            "edit": (self._edit, 0, 0),
            "history": (self._history, 0, 0),
            "diff": (self._diff, 0, 1),
            "restore": (self._restore, 1, 1),
        }
        action, *rest = words
        if action not in actions:
            known = ", ".join(actions)
            raise InvalidParameter(
                f"未知操作 {action}，可用的有：{known}", f"Unknown action {action}; there are: {known}"
            )
        run, least, most = actions[action]
        if not least <= len(rest) <= most:
            raise InvalidParameter(
                f"{action} 的参数个数不对", f"{action} takes another number of arguments: see --help"
            )
        run(*rest)

    def _show(self) -> None:
        found = self._read("text config" if self._as_json else "text")
        if self._as_json:
            print(json.dumps(found["config"], ensure_ascii=False, indent=2))
        else:
            text = found["text"]
            sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")

    def _get(self, path: str) -> None:
        value = self._read("config")["config"]
        for step in _path(path, value):
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (LookupError, TypeError, ValueError):
                raise ResourceNotFound(f"没有 {path}", f"There is no {path}") from None
        plain = isinstance(value, str) and not self._as_json
        print(value if plain else json.dumps(value, ensure_ascii=False, indent=2))

    def _set(self, path: str, value: str) -> None:
        found = self._read("kind config")
        given: Any = value
        if found["kind"] != "ENV" and not self._text:
            given = _value(value)
        self._change("setConfigValue", path=_path(path, found["config"]), value=given)

    def _unset(self, path: str) -> None:
        self._change("unsetConfigValue", path=_path(path, self._read("config")["config"]))

    def _edit(self) -> None:
        """In the user's editor, again and again until the text can be read. What others write meanwhile is not lost."""
        found = self._read("text etag path")
        folder = Path(tempfile.mkdtemp(prefix="mailauncher-"))
        place = folder / Path(found["path"]).name
        try:
            with place.open("w", encoding="utf-8", newline="") as opened:
                opened.write(found["text"])
            self._edited(place, found["text"], found["etag"])
        except BaseException:
            self._voice.note(f"编辑的内容保留在 {place}", f"What was edited is kept in {place}")
            raise
        place.unlink()
        folder.rmdir()

    def _edited(self, place: Path, before: str, etag: str) -> None:
        while True:
            _open_editor(place)
            try:
                with place.open(encoding="utf-8-sig", newline="") as opened:
                    text = opened.read()
            except UnicodeDecodeError:
                raise InvalidParameter("编辑后的文件不是 UTF-8", "The edited file is not UTF-8") from None
            if text == before:
                self._voice.note("没有改动", "Nothing was changed")
                return
            try:
                self._change("writeConfigText", text=text, ifMatch=etag)
                return
            except Refused as error:
                if error.code != "INVALID_PARAMETER" or not sys.stdin.isatty():
                    raise
                self._voice.fail(error)
                if not typer.confirm(self._voice.pick("继续编辑？", "Edit again?"), default=True):
                    raise

    def _history(self) -> None:
        found = self._read("revisions(first: 100) { id at source caller etag size }")["revisions"]
        if self._as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        rows = [(r["id"], _local(r["at"]), _source(r, self._voice), str(r["size"])) for r in found]
        print(table([_REVISION_HEADINGS[self._voice.language], *rows]))

    def _diff(self, revision: str | None = None) -> None:
        if revision is None:
            newest = self._read("revisions(first: 1) { id }")["revisions"]
            if not newest:
                return
            revision = newest[0]["id"]
        found = self._remote.graphql(_DIFF, id=self._instance.id, name=self._name, revision=revision)
        sys.stdout.write(found["revision"]["diff"])

    def _restore(self, revision: str) -> None:
        self._change("restoreConfig", revision=revision)

    def _read(self, fields: str) -> Any:
        return self._remote.graphql(_FILE % fields, id=self._instance.id, name=self._name)["file"]

    def _change(self, command: str, **given: object) -> None:
        kind = command[0].upper() + command[1:]
        given = {"instanceId": self._instance.id, "name": self._name, **given}
        done = self._remote.graphql(_COMMAND % (kind, command), input=given)["done"]
        print(json.dumps(done, ensure_ascii=False, indent=2) if self._as_json else done["message"])


def _path(path: str, config: Any) -> list[str]:
    """The steps of a dotted path. A key that has dots itself is found where it is there."""
    steps, rest = [], path.split(".")
    while rest:
        taken = next(
            (n for n in range(len(rest), 0, -1) if isinstance(config, dict) and ".".join(rest[:n]) in config),
            1,
        )
        step, rest = ".".join(rest[:taken]), rest[taken:]
        steps.append(step)
        config = _below(config, step)
    return steps


def _below(config: Any, step: str) -> Any:
    if isinstance(config, list):
        return config[int(step)] if step.isdecimal() and int(step) < len(config) else None
    return config.get(step) if isinstance(config, dict) else None


def _value(text: str) -> Any:
    """What a person means by it: JSON if it is that, else a text."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _local(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


_SOURCES = {
    "API": ("修改", "changed"),
    "DISK": ("磁盘上的改动", "found on disk"),
    "RESTORE": ("恢复", "restored"),
    "DEPLOY": ("部署", "deployed"),
}


def _source(revision: dict[str, str], voice: Voice) -> str:
    words = voice.pick(*_SOURCES[revision["source"]])
    return f"{words} ({revision['caller']})" if revision["source"] in ("API", "RESTORE") else words


def _open_editor(place: Path) -> None:
    """Raises CommandFailed."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        ended = subprocess.run([*shlex.split(editor), str(place)], check=False).returncode
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"无法打开编辑器 {editor}：请设置 EDITOR", f"The editor {editor} cannot be opened: set EDITOR"
        ) from error
    if ended:
        raise CommandFailed(
            f"编辑器以状态 {ended} 结束，未作改动",
            f"The editor ended with status {ended}; nothing was changed",
        )
