"""The release that a branch is, from its own files: its name says nothing of the family that it belongs to."""

from collections.abc import Iterable

from bots import release
from bots.fetching.sources import Sources
from bots.recipe import Recipe, ValueFromFile
from bots.terms.offered import OfferedTerms
from bots.versions.known import ResolvedVersion
from mailauncher import expressions

RELEASE_LENGTH = 24


async def version_of(
    texts: OfferedTerms, sources: Sources, recipe: Recipe, resolved: ResolvedVersion, prefer: str = ""
) -> str:
    """The version by which a recipe's family is chosen: the name of a tag; for a branch the release that its files name and
    the branch, such as `1.2.2+dev`. A branch that names none keeps its name, and counts as the newest.

    Raises DownloadFailed.
    """
    if not resolved.is_branch or not recipe.release:
        return resolved.ref
    names = [place.file for place in recipe.release]
    found = _named((await texts.read(sources, resolved, names, prefer)).texts, recipe.release)
    return f"{found}{release.BRANCH}{resolved.ref}" if found else resolved.ref


def _named(texts: dict[str, bytes | None], places: Iterable[ValueFromFile]) -> str:
    """The first release that is named; empty if there is none."""
    for place in places:
        text = (texts[place.file] or b"").decode("utf-8-sig", "replace")
        match = expressions.compiled(place.pattern).search(text)
        if match and match[1] and len(match[1]) <= RELEASE_LENGTH and release.key(match[1]):
            return match[1]
    return ""
