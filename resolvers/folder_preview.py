"""What an existing folder holds, before it is added as an instance. Nothing in it is changed or run."""

import asyncio
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from bots import launching
from bots.recipe import Recipe
from mailauncher.errors import LauncherError, Text
from mailauncher.grants import Scope
from mailauncher.names import NAME_LENGTH, instance_name_from
from resolvers import instances
from resolvers.context import Context
from resolvers.deploying import folders
from resolvers.instances import NewInstance
from resolvers.rights import needs
from resolvers.running import existing
from resolvers.running.existing import FoundBot
from resolvers.views import Problem
from terminals.supervisor import MAIN

NUMBER_LENGTH = 6
"""Letters that a proposed name leaves for `-2`, where another instance has it."""


@dataclass(frozen=True, slots=True)
class FoundProgram:
    """A program in a folder: `main`, or a service by its name. `port` is the one in its configuration, else its usual one; 0: it has
    none. `command` is empty if nothing was found that could be run; `problem` says so then."""

    name: str
    title: Text
    path: str
    port: int
    command: str
    problem: Text | None


@dataclass(frozen=True, slots=True)
class FolderPreview:
    """`path` is absolute, with links resolved. `name` is the one that was given, else a free one made of the folder's. `remarks`
    are worth knowing before the first start. `problems` say why adding the folder would be refused; empty: it would not be."""

    path: str
    name: str
    recipe: str
    version: str
    programs: tuple[FoundProgram, ...]
    remarks: tuple[Text, ...]
    problems: tuple[Problem, ...]


@needs(Scope.ADMIN)
async def of_folder(ctx: Context, new: NewInstance) -> FolderPreview:
    """What `instances.add` would find. An empty name means any that is free.

    Raises InvalidPath if there is no such folder, or no access to it.
    """
    folder = await asyncio.to_thread(folders.existing_folder, ctx.settings.workspace_folder, new.path)
    bot = await asyncio.to_thread(existing.read, ctx.bots.catalogue, folder)
    name = new.name or _free_name(ctx, folder)
    problems: list[Problem] = []
    remarks: list[Text] = []
    try:
        instances.require_sound(new := replace(new, name=name))
        record = await instances.require_addable(ctx, new, folder, bot)
        remarks = await asyncio.to_thread(existing.remarks, record, ctx.bots.catalogue)
    except LauncherError as error:
        problems.append(Problem.of(error))
    return FolderPreview(
        path=str(folder),
        name=name,
        recipe=bot.recipe.name,
        version=bot.version,
        programs=await asyncio.to_thread(_programs, ctx, folder, bot),
        remarks=tuple(remarks),
        problems=tuple(problems),
    )


def _programs(ctx: Context, folder: Path, bot: FoundBot) -> tuple[FoundProgram, ...]:
    main = _program(MAIN, bot.recipe.of(bot.version), folder, bot.port or bot.usual_port)
    services = (
        _program(
            service.name,
            ctx.bots.catalogue.get(service.name).of(bot.version),
            Path(service.path),
            service.port,
        )
        for service in bot.services
    )
    return main, *services


def _program(name: str, recipe: Recipe, folder: Path, port: int) -> FoundProgram:
    command, problem = "", None
    try:
        argv = launching.command_in(recipe, folder)
        python = launching.interpreter(folder)
        command = shlex.join(word.replace("{python}", python) for word in argv)
    except LauncherError as error:
        problem = error.text
    return FoundProgram(name, recipe.title.text, str(folder), port, command, problem)


def _free_name(ctx: Context, folder: Path) -> str:
    """The folder's name as an instance may have it, with a number behind it if another instance has it."""
    base = instance_name_from(folder.name)[: NAME_LENGTH - NUMBER_LENGTH].strip() or "bot"
    taken = {record.name for record in ctx.store.registry}
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
