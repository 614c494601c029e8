"""`mailauncher settings`: every setting, its value and where the value comes from."""

import os
from collections.abc import Collection
from typing import Annotated, Any

import typer

from cli.client import AsJson
from cli.console import Console, console_of, print_json
from cli.language import described, help_text
from mailauncher.errors import Text
from mailauncher.log import mask
from mailauncher.settings import (
    SECRETS,
    Setting,
    Settings,
    catalogue,
    from_environment,
    read_file,
    settings_file,
)
from mailauncher.system_text import to_json

_ORIGINS = {
    "default": Text("默认", "default"),
    "file": Text("文件", "file"),
    "env": Text("环境变量", "env"),
}


@described(
    "列出所有设置：值、来源、含义。机密内容不会显示。",
    "List every setting with its value, the origin of the value, and its meaning. Secrets are masked.",
)
def settings(
    context: typer.Context,
    as_json: AsJson = False,
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown",
            help=help_text("改为输出 docs/configuration.md。", "Print docs/configuration.md instead."),
        ),
    ] = False,
) -> None:
    if markdown:
        from cli.docs import configuration

        print(configuration(), end="")
        return
    chosen = from_environment()
    in_file = _named_in_file()
    found = [_entry(setting, chosen, _origin(setting, in_file)) for setting in catalogue()]
    if as_json:
        print_json(found)
    else:
        console = console_of(context)
        print("\n".join(_shown(entry, console) for entry in found))


def _named_in_file() -> Collection[str]:
    return read_file(settings_file(os.environ))


def _origin(setting: Setting, named_in_file: Collection[str]) -> str:
    """Where the value comes from; the environment overrides the file."""
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
    """Masks passwords in URLs."""
    return [mask(text) for text in value] if isinstance(value, list) else value


def _shown(entry: dict[str, Any], console: Console) -> str:
    value = to_json(entry["value"]).decode()
    origin = console.translate(_ORIGINS[entry["origin"]])
    place = f"{origin} {entry['variable']}" if entry["origin"] == "env" else origin
    return f"{entry['name']} = {value}  [{place}]\n    {entry['help'][console.language]}"
