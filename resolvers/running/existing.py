"""What an existing folder says of the bot in it: its kind, its version, its ports and its services."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from bots import launching
from bots.catalogue import Catalogue
from bots.recipe import Recipe
from bots.terms import accepted
from bots.versions import installed
from mailauncher.errors import CommandFailed, InvalidPath, LauncherError, Text
from resolvers.running import port_plan
from store.records import InstanceRecord, ServiceRecord


@dataclass(frozen=True, slots=True)
class FoundBot:
    """`port` is the one in its configuration, 0 if that names none; `usual_port` is that of its kind, 0 if it has none."""

    recipe: Recipe
    version: str
    port: int
    usual_port: int
    services: tuple[ServiceRecord, ...]


def read(catalogue: Catalogue, folder: Path) -> FoundBot:
    """Reads the folder. Changes and runs nothing in it."""
    recipe, version = catalogue.recognise(folder), installed.read(folder)
    services = tuple(
        ServiceRecord(name=service.name, path=str(place), port=service_port(service, version, place))
        for service, place in catalogue.services_in(folder)
    )
    port = _own_port(recipe, version, folder)
    return FoundBot(recipe, version, port, recipe.of(version).port, services)


def require_runnable(found: FoundBot, folder: Path) -> None:
    """Raises InvalidPath if a start of the bot would find nothing to run. Reads the folder."""
    try:
        launching.command_in(found.recipe.of(found.version), folder)
    except CommandFailed as error:
        raise InvalidPath(
            f"{error.text.zh}：请给出 Bot 自己的文件夹，或运行命令（命令行：--run）",
            f"{error.text.en}: give the folder of the bot itself, or a run command (command line: --run)",
            field="path",
        ) from None


def service_port(recipe: Recipe, version: str, folder: Path) -> int:
    """The port in a service's own configuration, else its usual one; 0 if it does not listen. Reads its folder."""
    return _own_port(recipe, version, folder) or recipe.port


def _own_port(recipe: Recipe, version: str, folder: Path) -> int:
    """The program's port as its configuration has it, 0 if that has none.

    Where the files of its version name none, those of other versions are asked: a tree without a tag has the version of its
    `pyproject.toml`, which is often that of an earlier release.
    """
    for family in (recipe.of(version), *recipe.each()):
        if port := port_plan.configured_port(folder, family):
            return port
    return 0


def remarks(record: InstanceRecord, catalogue: Catalogue) -> list[Text]:
    """What whoever has added the bot should know before they start it, a sentence each. Reads its folder."""
    folder, recipe = Path(record.path), catalogue.get(record.recipe)
    found = []
    own = _own_port(recipe, record.version, folder)
    if own and own != record.port and not record.run_command:
        found.append(
            Text(
                f"其配置中的端口是 {own}，不是 {record.port}：它会监听配置中的端口",
                f"Its configuration has port {own} and not {record.port}: it will listen on the one in its configuration",
            )
        )
    try:
        unaccepted = accepted.not_accepted(folder, recipe.of(record.version).consent)
    except LauncherError:  # the texts cannot be read: the bot itself will say what it lacks
        unaccepted = []
    if unaccepted:
        names, who = ", ".join(unaccepted), shlex.quote(record.name)
        found.append(
            Text(
                f"尚未接受其条款：请阅读其文件夹中的 {names}，再用 mailauncher accept {who} 接受；否则启动后它会在终端中询问",
                f"Its terms are not accepted: read {names} in its folder, then mailauncher accept {who}; else it asks for that in its "
                "terminal once it is started",
            )
        )
    return found
