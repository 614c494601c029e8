"""A deployment against the same git and uv commands run by hand, in turn; medians and the ratio.

    python benchmarks/deploy.py [--source URL] [--version REF] [--rounds 5]

By default the sample bot is deployed from a repository made for it, with a few real dependencies that lie in uv's cache
after the first round. `--source` takes MaiBot's own. Design target: at most 1.1 times the commands by hand.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import uv
from served import ROOT, DataFolder, Served, body, launcher, request

SAMPLE = ROOT / "bots" / "sample"
REQUIREMENTS = "aiohttp\npillow\npsutil\ntomlkit\nrich\n"
VERSION = "0.12.0"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", default="")
    parser.add_argument("--version", default=VERSION)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with DataFolder() as made_here:
        folder = made_here.path
        source = options.source or repository(folder / "repository")
        made_here.environment["MAILAUNCHER_SOURCES_MAIBOT"] = source
        with launcher(made_here) as server:
            by_hand, deployed = [], []
            for number in range(options.rounds + 1):
                hand = run_by_hand(folder / f"hand-{number}", source, options.version)
                ours = deploy(server, folder / f"ours-{number}", options.version)
                if number:  # the first fills uv's cache
                    by_hand.append(hand)
                    deployed.append(ours)
                for made in (f"hand-{number}", f"ours-{number}"):
                    shutil.rmtree(folder / made)
    print(f"\n{options.version}, {options.rounds} rounds")
    print(f"{'':12} {'seconds':>8} {'least':>8} {'most':>8}")
    for name, found in (("by hand", by_hand), ("deployment", deployed)):
        print(f"{name:12} {statistics.median(found):8.2f} {min(found):8.2f} {max(found):8.2f}")
    ratios = [ours / hand for ours, hand in zip(deployed, by_hand, strict=True)]
    print(f"deployment / by hand: {statistics.median(ratios):.2f}")


def repository(folder: Path) -> str:
    """The sample bot in git, with dependencies."""
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "requirements.txt").write_text(REQUIREMENTS, "utf-8")
    for command in (
        "init -q -b main",
        "add .",
        "-c user.name=bench -c user.email=bench@localhost commit -qm bench",
        f"tag {VERSION}",
    ):
        subprocess.run(["git", "-C", str(folder), *command.split()], check=True)
    return folder.as_uri()


def run_by_hand(folder: Path, source: str, version: str) -> float:
    """What a person who knows the commands would type; seconds."""
    binary = uv.find_uv_bin()
    begun = time.perf_counter()
    run(
        "git",
        "-c",
        "advice.detachedHead=false",
        "clone",
        "-q",
        "--depth",
        "1",
        "--branch",
        version,
        "--",
        source,
        str(folder),
    )
    run(binary, "venv", "-q", "--python", wanted_python(folder), str(folder / ".venv"))
    requirements = folder / "requirements.txt"
    if (folder / "uv.lock").exists():
        requirements = folder.with_name(f"{folder.name}.txt")
        exported = (binary, "export", "-q", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes")
        run(*exported, "--project", str(folder), "-o", str(requirements))
    install = (binary, "pip", "install", "-q", "--python", str(folder / ".venv/bin/python"))
    run(*install, "-r", str(requirements))
    return time.perf_counter() - begun


def wanted_python(folder: Path) -> str:
    wanted = [
        line
        for line in (folder / "pyproject.toml").read_text("utf-8").splitlines()
        if "requires-python" in line
    ]
    return wanted[0].split('"')[1] if wanted else "3"


def run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL)


def deploy(server: Served, folder: Path, version: str) -> float:
    """Seconds from the request until the bot stands in its folder."""
    begun = time.perf_counter()
    query = "mutation($input: DeployInstanceInput!) { deployInstance(input: $input) { deployment { instanceId } } }"
    given = {"input": {"name": folder.name, "path": str(folder), "version": version}}
    answer = ask(server, request("POST", "/graphql", {"query": query, "variables": given}))
    instance = answer["data"]["deployInstance"]["deployment"]["instanceId"]
    while (state := ask(server, request("GET", f"/api/v1/install-status/{instance}")))[
        "status"
    ] != "completed":
        if state["status"] not in ("pending", "installing"):
            raise RuntimeError(state["message"])
        time.sleep(0.02)
    seconds = time.perf_counter() - begun
    ask(server, request("DELETE", f"/api/v1/instance/{instance}/delete"))
    return seconds


def ask(server: Served, asked: bytes) -> Any:
    return json.loads(body(server.port, asked))


if __name__ == "__main__":
    main()
