"""The recipes: what is known of each bot and service, as data.

One TOML file each in `recipes/`; one of the same `name` in `<data>/recipes/` replaces it, and others add to them. A file
with a mistake is reported (`problems`) and the rest still work.
"""

import logging
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mailauncher.errors import ResourceNotFound, Text
from mailauncher.launch import DEFAULT_STOP, StopStep

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("recipes")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str

    @property
    def text(self) -> Text:
        return Text(self.zh, self.en)


class Ready(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`port`: the program's own port accepts; `line`: its output has a line that matches this regular expression."""

    port: bool = False
    line: str = ""
    within_s: float = 120.0

    def __post_init__(self) -> None:
        try:
            re.compile(self.line)
        except re.error as error:
            raise ValueError(f"ready.line: {error}") from None


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of bot or service is recognised, run and stopped.

    `run` lists commands in order of preference; the first whose file (the first word with a dot or slash in it that is no
    placeholder) exists in the folder is taken, or that has no file. `{python}` is the folder's own interpreter, else the
    server's.
    """

    name: Annotated[str, Meta(pattern=r"^(?!main$)[a-z0-9][a-z0-9.-]{0,63}$")]
    kind: Literal["bot", "service"]
    title: Words
    description: Words
    run: tuple[Annotated[tuple[str, ...], Meta(min_length=1)], ...]
    detect: tuple[str, ...] = ()
    """Files of which one must exist for a folder to be of this kind; for a bot, all of them."""
    folders: tuple[str, ...] = ()
    """Names that a service's folder may have inside an instance's."""
    terminals: tuple[str, ...] = ()
    """Further names of the service's terminal."""
    needs: tuple[str, ...] = ()
    """What must run first: `main` or other services."""
    port: int = 0
    """The port that it listens on by default; 0 when it listens on none."""
    env: dict[str, str] = {}
    stop: tuple[StopStep, ...] = DEFAULT_STOP
    ready: Ready | None = None
    """How to tell that it works; None: it cannot be told."""


class Catalogue:
    """All recipes by name. `problems` maps a file to what is wrong with it."""

    def __init__(self, *folders: Path) -> None:
        self.recipes: dict[str, Recipe] = {}
        self.problems: dict[Path, str] = {}
        for folder in folders:
            for file in sorted(folder.glob("*.toml")):
                self._read(file)

    def _read(self, file: Path) -> None:
        try:
            recipe = msgspec.convert(tomllib.loads(file.read_text("utf-8")), Recipe)
        except (
            OSError,
            ValueError,
            RecursionError,
        ) as error:  # TOML, encoding and validation errors are ValueErrors
            self.problems[file] = str(error)
            log.error("recipe %s: %s", file, error)
        else:
            self.recipes[recipe.name] = recipe

    @classmethod
    def load(cls, data: Path) -> "Catalogue":
        """The shipped recipes and the user's own. Reads files: call it off the loop."""
        return cls(SHIPPED, data / "recipes")

    def get(self, name: str) -> Recipe:
        """Raises ResourceNotFound."""
        try:
            return self.recipes[name]
        except KeyError:
            raise ResourceNotFound(f"未找到配方 '{name}'", f"Recipe '{name}' not found") from None

    def services(self) -> list[Recipe]:
        return [recipe for recipe in self.recipes.values() if recipe.kind == "service"]

    def service_name(self, terminal: str) -> str:
        """A service's own name for any name of its terminal: `nonebot` is `nonebot-ada`."""
        found = next((recipe.name for recipe in self.services() if terminal in recipe.terminals), None)
        return found or terminal

    def recognise(self, folder: Path) -> Recipe:
        """The bot recipe that a folder is of: of those that fit, the one that asks for most files, then the user's own;
        `maibot` when none fits. Reads the folder."""
        fitting = [
            recipe
            for recipe in reversed(self.recipes.values())
            if recipe.kind == "bot" and recipe.detect and all(exists(folder / name) for name in recipe.detect)
        ]
        return max(fitting, key=lambda recipe: len(recipe.detect), default=None) or self.get("maibot")

    def services_in(self, folder: Path) -> list[tuple[Recipe, Path]]:
        """The services that stand in an instance's folder. Reads the folder."""
        found = []
        for recipe in self.services():
            places = (folder / name for name in recipe.folders)
            place = next((p for p in places if any(exists(p / name) for name in recipe.detect)), None)
            if place is not None:
                found.append((recipe, place))
        return found


def exists(path: Path) -> bool:
    """Whether it is there; not for us if it stands in a folder that we may not enter."""
    try:
        return path.exists()
    except PermissionError:
        return False
