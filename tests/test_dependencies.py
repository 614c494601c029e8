"""pyproject.toml, requirements.lock and docs/dependencies.md tell one story."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.layers import PACKAGES, ROOT

SAMPLE_BOT = ROOT / "bots" / "sample"


def by_name(texts: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(found.name): found for found in map(Requirement, texts)}


def direct() -> dict[str, Requirement]:
    """The direct dependencies by name: those of the product and those of the `dev` group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return at_run_time() | by_name(project["dependency-groups"]["dev"])


def at_run_time() -> dict[str, Requirement]:
    """Those that each installation has, and those of extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return by_name([*project["dependencies"], *project["optional-dependencies"]["postgres"]])


def pins() -> dict[str, Requirement]:
    """The lines of the lock by name: `coverage[toml]==7.17.3 ; marker`."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return by_name(re.findall(r"^([a-z0-9-]+(?:\[[a-z0-9,-]+\])?==.+?) *\\?$", text, flags=re.MULTILINE))


def locked() -> dict[str, str]:
    """The locked version of each package by name."""
    return {name: str(pin.specifier).removeprefix("==") for name, pin in pins().items()}


def missing_extras(pins: dict[str, Requirement], asked_for: dict[str, list[Requirement]]) -> list[str]:
    """Extras that a pinned package asks for and the pin of the other package lacks, on any of the three systems.

    pip takes an unpinned release for such a requirement as soon as a newer one exists, and refuses it for want of a hash:
    the lock installs on the day it is made and fails on a later one.
    """
    systems = ({"sys_platform": "linux"}, {"sys_platform": "darwin"}, {"sys_platform": "win32"})
    return sorted(
        f"{name} asks for {wish.name}[{extra}]"
        for name, pin in pins.items()
        for wish in asked_for.get(name, ())
        if wish.marker is None
        or any(wish.marker.evaluate({**system, "extra": e}) for system in systems for e in ("", *pin.extras))
        for extra in wish.extras - pins[canonicalize_name(wish.name)].extras
    )


def described() -> list[str]:
    """The names in the first column of the tables of docs/dependencies.md."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([a-z0-9-]+)` \|(?: [^|]+ \|){3}$", text, flags=re.MULTILINE)


def imported() -> set[str]:
    """The top-level names that the product imports, its own and the standard library's aside."""
    own = {*PACKAGES, *sys.stdlib_module_names}
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    names = {name for file in files if not file.is_relative_to(SAMPLE_BOT) for name in imports_of(file)}
    return names - own


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_what_the_product_imports_is_a_direct_dependency() -> None:
    """What only comes along with another package may be gone with that package's next version."""
    providers = packages_distributions()
    stated = at_run_time().keys()
    unstated = {
        name: providers.get(name, [])
        for name in imported()
        if stated.isdisjoint(map(canonicalize_name, providers.get(name, [])))
    }
    assert unstated == {}


def test_each_direct_dependency_has_one_row_with_its_purpose_reason_and_licence() -> None:
    assert sorted(described()) == sorted(direct())


def test_the_lock_holds_a_fitting_version_of_each_direct_dependency() -> None:
    versions = locked()
    unfit = [name for name, wish in direct().items() if versions.get(name, "") not in wish.specifier]
    assert unfit == []


def test_each_extra_that_a_locked_package_asks_for_is_pinned_with_it() -> None:
    asked_for = {
        name: [Requirement(line) for line in requires(name) or ()]
        for name in pins()
        if any(d.name and canonicalize_name(d.name) == name for d in distributions())
    }
    assert len(asked_for) > 40
    assert missing_extras(pins(), asked_for) == []


def test_a_pin_without_the_extra_that_is_asked_for_is_noticed() -> None:
    stripped = by_name(["pytest-cov==7.1.0", "coverage==7.17.3"])
    asked_for = {"pytest-cov": [Requirement("coverage[toml]>=7.10.6")]}
    assert missing_extras(stripped, asked_for) == ["pytest-cov asks for coverage[toml]"]


def test_each_pin_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9-]+[=\[])", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("word", ["://", "--index-url", "--extra-index-url", "--find-links", " /"])
def test_the_lock_names_neither_an_index_nor_a_path(word: str) -> None:
    assert word not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_pydantic_is_not_installed_with_the_product() -> None:
    """Tortoise imports it wherever it finds it, which costs every start of the server time and memory."""
    assert "pydantic" not in locked()
