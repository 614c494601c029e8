"""The catalogue of recipes.

Each recipe is a TOML file in `recipes/`. A file in `<data>/recipes/` with the same `name` replaces it, others are added. An
invalid file is reported (`problems`), and all others still work.
"""

import logging
import tomllib
from pathlib import Path

import msgspec

from bots.recipe import Recipe
from mailauncher import files, utf8
from mailauncher.errors import ResourceNotFound

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("recipes")
SAMPLE = Path(__file__).with_name("sample")


class Catalogue:
    """All recipes by name. `problems` maps an invalid file to the reason."""

    def __init__(self, *folders: Path) -> None:
        self.recipes: dict[str, Recipe] = {}
        self._files: dict[str, Path] = {}
        self.problems: dict[Path, str] = {}
        for folder in folders:
            for file in sorted(folder.glob("*.toml")):
                self._read(file)

    def _read(self, file: Path) -> None:
        try:
            recipe = msgspec.convert(tomllib.loads(utf8.decode(files.read(file))), Recipe)
        except (
            OSError,
            ValueError,
            RecursionError,
        ) as error:  # errors of TOML, encoding, validation are ValueErrors
            self.problems[file] = str(error)
            log.error("recipe %s: %s", file, error)
        else:
            self.recipes[recipe.name] = recipe
            self._files[recipe.name] = file

    @classmethod
    def load(cls, data: Path) -> "Catalogue":
        """The shipped recipes and the user's own. Reads files: call it off the event loop."""
        return cls(SHIPPED, data / "recipes")

    def get(self, name: str) -> Recipe:
        """Raises ResourceNotFound."""
        try:
            return self.recipes[name]
        except KeyError:
            names = ", ".join(sorted(self.recipes))
            raise ResourceNotFound(
                f"未找到配方 '{name}'，现有：{names}", f"Recipe '{name}' not found; available: {names}"
            ) from None

    def is_own(self, name: str) -> bool:
        """Whether a recipe is the user's own and not a shipped one."""
        return name in self._files and self._files[name].parent != SHIPPED

    def services(self) -> list[Recipe]:
        return [recipe for recipe in self.recipes.values() if recipe.kind == "service"]

    def service_name(self, terminal: str) -> str:
        """The name of a service for any name of its terminal: `nonebot-ada` for `nonebot`."""
        found = next((recipe.name for recipe in self.services() if terminal in recipe.terminals), None)
        return found or terminal

    def recognise(self, folder: Path) -> Recipe:
        """The bot recipe for a folder: of those that fit, the one that requires most files, then the user's own; `maibot` if
        none fits. Reads the folder."""
        fitting = [
            recipe
            for recipe in reversed(self.recipes.values())
            if recipe.kind == "bot"
            and recipe.detect
            and all(files.exists(folder / name) for name in recipe.detect)
        ]
        return max(fitting, key=lambda recipe: len(recipe.detect), default=None) or self.get("maibot")

    def services_in(self, folder: Path) -> list[tuple[Recipe, Path]]:
        """The services in an instance's folder, each with its folder. Reads the folder."""
        found = []
        for recipe in self.services():
            places = (folder / name for name in recipe.folders)
            place = next((p for p in places if any(files.exists(p / name) for name in recipe.detect)), None)
            if place is not None:
                found.append((recipe, place))
        return found
