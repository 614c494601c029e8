"""The layers are those of the tree, and what pyproject.toml says of paths is true of it."""

import tomllib
from typing import Any

import pytest

from tests.support.layers import PACKAGES, ROOT

TOOL: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
CONTRACTS: list[dict[str, Any]] = TOOL["importlinter"]["contracts"]


def packages_at_the_root() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}


def layers() -> set[str]:
    """The modules and packages that stand in the layers contract."""
    first = next(contract for contract in CONTRACTS if contract["type"] == "layers")
    return {name.strip() for layer in first["layers"] for name in layer.replace(":", "|").split("|")}


def modules_named() -> set[str]:
    """Every module of ours that mypy's overrides and the contracts of import-linter name."""
    named = {*TOOL["importlinter"]["root_packages"], *layers()}
    for mark in TOOL["mypy"]["overrides"]:
        if mark.get("ignore_missing_imports"):
            continue  # a module of somebody else
        named |= {mark["module"]} if isinstance(mark["module"], str) else set(mark["module"])
    for contract in CONTRACTS:
        named |= set(contract.get("source_modules", []))
        named |= {arrow.partition(" -> ")[0] for arrow in contract.get("ignore_imports", [])}
    return named


def patterns() -> set[str]:
    """Every pattern of pyproject.toml that is bound to a path."""
    targets = TOOL["hatch"]["build"]["targets"]
    return {
        TOOL["hatch"]["version"]["path"],
        *targets["sdist"]["only-include"],
        *targets["wheel"]["only-include"],
        *targets["wheel"]["sources"],
        *TOOL["ruff"]["per-file-target-version"],
        *TOOL["ruff"]["lint"]["per-file-ignores"],
        *TOOL["mypy"]["files"],
        *(pattern.removeprefix("^").rstrip("/") for pattern in TOOL["mypy"]["exclude"]),
        *TOOL["coverage"]["run"]["source_pkgs"],
        *TOOL["coverage"]["run"]["omit"],
        *TOOL["pytest"]["testpaths"],
        *(name.replace(".", "/") for name in modules_named()),
    }


def test_the_layers_are_the_packages_at_the_root() -> None:
    assert packages_at_the_root() == set(PACKAGES)


def test_the_layers_contract_names_each_package_or_all_of_its_modules() -> None:
    """A module that it did not name could import anything."""
    whole = {name for name in layers() if "." not in name}
    modules = {
        f"{package}.{path.stem}"
        for package in packages_at_the_root() - whole
        for path in (ROOT / package).glob("*.py")
        if path.stem != "__init__"
    }
    assert layers() - whole == modules


@pytest.mark.parametrize("key", ["wheel", "sdist", "mypy", "coverage", "import-linter"])
def test_each_tool_is_told_of_each_package(key: str) -> None:
    targets = TOOL["hatch"]["build"]["targets"]
    told = {
        "wheel": targets["wheel"]["only-include"],
        "sdist": targets["sdist"]["only-include"],
        "mypy": TOOL["mypy"]["files"],
        "coverage": TOOL["coverage"]["run"]["source_pkgs"],
        "import-linter": TOOL["importlinter"]["root_packages"],
    }
    assert set(PACKAGES) <= set(told[key])


@pytest.mark.parametrize("pattern", sorted(patterns()))
def test_a_pattern_bound_to_a_path_matches_something(pattern: str) -> None:
    place = pattern.removesuffix("/**")
    found = [*ROOT.glob(place), *ROOT.glob(f"{place}.py")]
    assert any("__pycache__" not in path.parts for path in found)
