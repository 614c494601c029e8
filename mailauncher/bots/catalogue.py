"""The recipes: what is known of each bot and service, as data.

One TOML file each in `recipes/`; one of the same `name` in `<data>/recipes/` replaces it, and others add to them. A file
with a mistake is reported (`problems`) and the rest still work.
"""

import logging
import tomllib
from pathlib import Path

import msgspec

from mailauncher.bots.recipe import Recipe
from mailauncher.errors import ResourceNotFound

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("recipes")


class Catalogue:
    """All recipes by name. `problems` maps a file to what is wrong with it."""

    def __init__(self, *folders: Path) -> None:
        self.recipes: dict[str, Recipe] = {}
        self._files: dict[str, Path] = {}
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
            self._files[recipe.name] = file

    @classmethod
    def load(cls, data: Path) -> "Catalogue":
        """The shipped recipes and the user's own. Reads files: call it off the loop."""
        return cls(SHIPPED, data / "recipes")

    def get(self, name: str) -> Recipe:
        """Raises ResourceNotFound."""
        try:
            return self.recipes[name]
        except KeyError:
            names = ", ".join(sorted(self.recipes))
            raise ResourceNotFound(
                f"未找到配方 '{name}'，现有：{names}", f"Recipe '{name}' not found. There are: {names}"
            ) from None

    def is_own(self, name: str) -> bool:
        """Whether a recipe is the user's own, not one that is shipped."""
        return name in self._files and self._files[name].parent != SHIPPED

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
