"""The layers contract covers the whole product: a module that it did not name could import anything."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# They hold no code of their own beyond starting the program.
UNLAYERED = {"mailauncher.__init__", "mailauncher.__main__"}


def named_layers() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    return {name.strip() for layer in contract["layers"] for name in layer.replace(":", "|").split("|")}


def modules_of_the_product() -> set[str]:
    inside = (ROOT / "mailauncher").iterdir()
    found = {f"mailauncher.{p.stem}" for p in inside if p.suffix == ".py" or (p / "__init__.py").is_file()}
    return (found | {"schema", "resolvers", "rest", "terminals"}) - UNLAYERED


def test_each_module_of_the_product_stands_in_one_layer() -> None:
    assert modules_of_the_product() == named_layers()
