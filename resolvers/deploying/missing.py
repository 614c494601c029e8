"""Services that a deployment could not install: the instance is there without them, until a retry adds them."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bots.deploying.journal import Entry
from mailauncher import files
from mailauncher.errors import Text
from store.records import ServiceRecord

MISSING_FILE = "missing.json"


def write(folder: Path, services: list[ServiceRecord]) -> None:
    """Keeps the records of the programs among them, with their ports and names, for whoever adds them. Raises OSError."""
    files.write(folder / MISSING_FILE, msgspec.json.encode(services))


def read(folder: Path) -> list[ServiceRecord]:
    """Those that were kept; none if there are none. Raises OSError, msgspec.MsgspecError."""
    try:
        return msgspec.json.decode(files.read(folder / MISSING_FILE), type=list[ServiceRecord])
    except FileNotFoundError:
        return []


def sentence(instance: str, missing: Mapping[str, Entry]) -> Text:
    """What the instance lacks, why, and how to add it."""
    names, retry = ", ".join(missing), f"mailauncher retry {shlex.quote(instance)}"
    reasons = [entry.text for entry in missing.values()]
    are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    return Text(
        f"缺少 {names}（{'；'.join(reason.zh for reason in reasons)}）。补装：{retry}，或 GraphQL 的 retryDeployment",
        f"{names} {are} missing ({'; '.join(reason.en for reason in reasons)}). To add {them}: `{retry}`, or GraphQL's "
        "retryDeployment",
    )
