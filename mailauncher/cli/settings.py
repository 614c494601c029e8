"""`mailauncher settings`: what is set, where that comes from, and what else could be."""

import json
import os
import tomllib
from collections.abc import Collection
from typing import Annotated, Any

import msgspec
import typer

from mailauncher.cli.remote import AsJson
from mailauncher.cli.voice import Voice, voice_of
from mailauncher.log import mask
from mailauncher.settings import SECRETS, Setting, Settings, catalogue, from_environment, settings_file

_ORIGINS = {"default": "默认", "file": "文件", "env": "环境变量"}


def settings(
    context: typer.Context,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print docs/configuration.md instead.")
    ] = False,
) -> None:
    """List every setting: its value, where that comes from, what it means. Secrets are masked."""
    if markdown:
        from mailauncher.cli.pages import configuration

        print(configuration(), end="")
        return
    chosen = from_environment()
    in_file = _named_in_file()
    found = [_entry(setting, chosen, _origin(setting, in_file)) for setting in catalogue()]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        voice = voice_of(context)
        print("\n".join(_shown(entry, voice) for entry in found))


def _named_in_file() -> Collection[str]:
    try:
        return tomllib.loads(settings_file(os.environ).read_text("utf-8"))
    except FileNotFoundError:
        return ()


def _origin(setting: Setting, named_in_file: Collection[str]) -> str:
    """In the order in which they win."""
    if os.environ.get(setting.variable):
        return "env"
    return "file" if setting.name in named_in_file else "default"


def _entry(setting: Setting, chosen: Settings, origin: str) -> dict[str, Any]:
    value = getattr(chosen, setting.name)
    return {
        "name": setting.name,
        "value": "***" if setting.name in SECRETS and value else _masked(value),
        "origin": origin,
        "variable": setting.variable,
        "type": setting.kind,
        "default": setting.default,
        "help": {"zh": setting.zh, "en": setting.en},
    }


def _masked(value: object) -> object:
    """Addresses may hold a password too."""
    return [mask(text) for text in value] if isinstance(value, list) else value


def _shown(entry: dict[str, Any], voice: Voice) -> str:
    value = msgspec.json.encode(entry["value"]).decode()
    origin = voice.pick(_ORIGINS[entry["origin"]], entry["origin"])
    place = f"{origin} {entry['variable']}" if entry["origin"] == "env" else origin
    return f"{entry['name']} = {value}  [{place}]\n    {entry['help'][voice.language]}"
