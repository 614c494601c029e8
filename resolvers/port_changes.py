"""Writes other ports into the configuration files of an instance: into all of them, or none."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bots.documents.errors import DocumentSyntaxError
from bots.documents.file import Loaded
from mailauncher.errors import InvalidParameter, LauncherError, Text
from mailauncher.grants import Scope
from mailauncher.interruption import Check
from resolvers import configuration
from resolvers.configuration import ConfigChange, ConfigEdit
from resolvers.configuring import ports as config_ports
from resolvers.configuring.files import ConfigLocation
from resolvers.context import Context
from resolvers.rights import needs

log = logging.getLogger(__name__)


class _Written(NamedTuple):
    """The content of a file before and after a change."""

    location: ConfigLocation
    old: bytes
    new: bytes


@needs(Scope.ADMIN, filters=True)
async def change_all(
    ctx: Context,
    steps: Sequence[tuple[ConfigLocation, list[str]]],
    before: Mapping[str, int],
    after: Mapping[str, int],
) -> list[ConfigChange]:
    """Carries out the steps in their order, each of which is a file with the keys that are changed together. After a failure the
    files are written back, and the error names those where that fails too. The caller holds the locks of all files.

    Raises what a change of a configuration file raises.
    """
    written: list[_Written] = []
    try:
        changes = [await _move_in(ctx, *step, before, after, written) for step in steps]
    except LauncherError as error:
        if kept := await _write_back(ctx, written):
            files = ", ".join(kept)
            zh = f"；以下文件未能恢复，可能仍是新端口：{files}。排除原因后重新执行同一命令"
            en = f"; these files could not be written back, and may have the new ports: {files}. Mend the cause, and give the same command again"
            error.text = Text(error.text.zh + zh, error.text.en + en)
        raise
    return [change for change in changes if change.changed]


async def _write_back(ctx: Context, written: Sequence[_Written]) -> list[str]:
    """The paths of the files where that fails."""
    kept = []
    for location, old, new in reversed(written):

        def make(loaded: Loaded, _: Check, old: bytes = old, new: bytes = new) -> bytes:
            return old if loaded.content == new else loaded.content

        text = Text("端口未能全部更换，恢复配置", "not all ports could be changed, configuration restored")
        try:
            await configuration.edit_held(
                ctx, location, ConfigEdit(make, "restore", text, whole=True, claimed=True)
            )
        except LauncherError as error:
            log.error("%s was not written back: %s", location.path, error)
            kept.append(location.path)
    return list(dict.fromkeys(kept))


async def _move_in(
    ctx: Context,
    location: ConfigLocation,
    keys: Collection[str],
    before: Mapping[str, int],
    after: Mapping[str, int],
    written: list[_Written],
) -> ConfigChange:
    """Adds what it may have written to `written`, also if it fails after that."""

    def edit(text: str, check: Check) -> str:
        try:
            document = location.format.read(text)
        except DocumentSyntaxError as error:
            zh, en = (f"{location.path}：{error.text.zh}", f"{location.path}: {error.text.en}")
            raise InvalidParameter(zh, en) from None
        for path, value in config_ports.moved(location, keys, document, before, after):
            text = location.format.set_value(text, path, value, check)
        return text

    changing = configuration.text_edit(location, edit, claimed=True)

    def make(loaded: Loaded, check: Check) -> bytes:
        content = changing.make(loaded, check)
        if content != loaded.content:
            written.append(_Written(location, loaded.content, content))
        return content

    return await configuration.edit_held(ctx, location, changing._replace(make=make))
