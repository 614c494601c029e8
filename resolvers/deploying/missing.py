"""Services that a deployment could not install: the instance is there without them, until a retry adds them. Upgrades and
rollbacks change nothing about that."""

import shlex
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bots.catalogue import Catalogue
from mailauncher import files
from mailauncher.errors import Text
from resolvers.running import plugins
from store.records import InstanceRecord, ServiceRecord

MISSING_FILE = "missing.json"


def write(folder: Path, services: list[ServiceRecord]) -> None:
    """Keeps their names and aliases for whoever adds them. Raises OSError."""
    files.write(folder / MISSING_FILE, msgspec.json.encode(services))


def read(folder: Path) -> list[ServiceRecord]:
    """All that were ever missing; none if there are none. Raises OSError, msgspec.MsgspecError."""
    try:
        return msgspec.json.decode(files.read(folder / MISSING_FILE), type=list[ServiceRecord])
    except FileNotFoundError:
        return []


def lacking(folder: Path, catalogue: Catalogue, record: InstanceRecord) -> list[str]:
    """Those of them that the instance does not have now: a rollback may have taken one away again. Raises OSError,
    msgspec.MsgspecError."""
    if not (missing := read(folder)):
        return []
    present = {service.name for service in record.services}
    present |= {recipe.name for recipe, _ in plugins.installed(catalogue, record)}
    return [service.name for service in missing if service.name not in present]


def sentence(instance: str, missing: Iterable[str], reasons: Iterable[Text] = ()) -> Text:
    """What the instance lacks, why if that is known, and how to add it."""
    names, retry = list(missing), f"mailauncher retry {shlex.quote(instance)}"
    are, them = ("is", "it") if len(names) == 1 else ("are", "them")
    why = list(reasons)
    why_zh = f"（{'；'.join(reason.zh for reason in why)}）" if why else ""
    why_en = f" ({'; '.join(reason.en for reason in why)})" if why else ""
    return Text(
        f"缺少 {', '.join(names)}{why_zh}。补装：{retry}，或 GraphQL 的 retryDeployment",
        f"{', '.join(names)} {are} missing{why_en}. To add {them}: `{retry}`, or GraphQL's retryDeployment",
    )
