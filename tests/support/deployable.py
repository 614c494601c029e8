"""The sample bot as something to deploy: a repository with releases of it, and a recipe that needs nothing else."""

import json
import re
from pathlib import Path

from bots.catalogue import SHIPPED
from tests.support.context import first_port
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


def use(url: str, data: Path, recipes: Path = SHIPPED) -> None:
    """Makes `maibot` mean the sample bot, from a repository, for servers with this data folder. It brings both services and
    needs no environment: a deployment of it takes no network and little time. `recipes` are those of the server's version."""
    shipped = (recipes / "sample.toml").read_text("utf-8")
    changes = {
        'name = "sample"': 'name = "maibot"',
        'install = { bundled = "sample"': f"install = {{ git = [{json.dumps(url)}]",
    }
    for old, new in changes.items():
        assert shipped.count(old) == 1
        shipped = shipped.replace(old, new)
    folder = data / "recipes"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "maibot.toml").write_text(on_other_ports(shipped), "utf-8")
    write_services(folder, recipes)


LONE = """
name = "lone"
kind = "service"
run = [["{python}", "main.py"]]
needs = ["main"]
port = 8200
install = { git = ["URL"], ref = "1.0", place = "services/lone", space_mb = 1 }

[title]
zh = "服务 lone"
en = "The service lone"

[description]
zh = "示例服务"
en = "A service of a repository of its own"

[[config]]
name = "net"
path = "net.json"
content = "{}"
set = { port = "{lone}", to = "{main}" }
"""
PROGRAM = "import time\nprint('serving', flush=True)\ntime.sleep(1000)\n"


def offer_service(folder: Path, data: Path) -> None:
    """The service `lone`, from a repository in `folder` that is not there before `release_service`: until then it cannot be
    installed."""
    recipes = data / "recipes"
    recipes.mkdir(parents=True, exist_ok=True)
    text = LONE.replace("URL", folder.absolute().as_uri())
    (recipes / "lone.toml").write_text(on_other_ports(text), "utf-8")


def release_service(folder: Path) -> None:
    released(folder, tags={"1.0": {"main.py": PROGRAM}})


def write_services(folder: Path, recipes: Path = SHIPPED) -> None:
    """The shipped recipes of both services, on other ports."""
    for service in ("napcat", "nonebot-ada"):
        text = (recipes / f"{service}.toml").read_text("utf-8")
        (folder / f"{service}.toml").write_text(on_other_ports(text), "utf-8")


def on_other_ports(recipe: str) -> str:
    """Servers of several tests at once would all plan ports from the usual ones upward, and meet."""
    return re.sub(
        r"(?m)^(port = |ports = \{ \w+ = )[1-9]\d*", lambda found: f"{found[1]}{first_port()}", recipe
    )
