"""The sample bot as something to deploy: a repository with releases of it, and a recipe that needs nothing else."""

import json
from pathlib import Path

from mailauncher.bots.catalogue import SHIPPED
from tests.support.git import Repository, released

SAMPLE = SHIPPED.parent / "sample"
TAGS = ("0.12.1", "0.12.2", "0.13.0-beta")
VERSIONS = ["latest", "main", "0.13.0-beta", "0.12.2", "0.12.1", "dev"]
"""Those of `sample_repository`, in the order in which they are listed."""
STABLE = "0.12.2"


def sample_repository(folder: Path) -> Repository:
    """The sample bot with three releases, of which the newest is not stable, and a branch."""
    project = (SAMPLE / "pyproject.toml").read_text("utf-8")
    tags = {tag: {"pyproject.toml": project.replace('"0.12.0"', f'"{tag}"')} for tag in TAGS}
    return released(folder, SAMPLE, tags, {"dev": {"NEWS": "more to come"}})


def use(url: str, data: Path) -> None:
    """Makes `maibot` mean the sample bot, from a repository, for servers with this data folder. It brings both services and
    needs no environment: a deployment of it takes no network and little time."""
    shipped = (SHIPPED / "sample.toml").read_text("utf-8")
    changes = {
        'name = "sample"': 'name = "maibot"',
        'install = { bundled = "sample"': f"install = {{ git = [{json.dumps(url)}]",
    }
    for old, new in changes.items():
        assert shipped.count(old) == 1
        shipped = shipped.replace(old, new)
    (data / "recipes").mkdir(parents=True)
    (data / "recipes" / "maibot.toml").write_text(shipped, "utf-8")
