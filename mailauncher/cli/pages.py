"""The pages of docs/ that are generated: nothing in them is said a second time by hand."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mailauncher.errors import VERDICTS
from mailauncher.settings import FILE_NAME, Settings, catalogue

_WRITTEN = "Written by `{command}` from the code; a test compares the two."

_CONFIGURATION = f"""# Configuration

{_WRITTEN.format(command="mailauncher settings --markdown")}

Each setting has a default, which the file changes, which the environment changes, which an option of the command line
changes. `mailauncher settings` lists them with the value that holds and where it comes from.

The file is `{FILE_NAME}` in the data folder, or the one that `MAILAUNCHER_CONFIG` names. A name in it that does not exist
is refused; an unknown variable is not, for it may be another program's. A list is an array in the file and separated by
commas in a variable.

```toml
port = 8080
allowed_origins = ["https://bots.example"]
```

"""

_CLI = f"""# The command line

{_WRITTEN.format(command="mailauncher schema --docs")}

`--help` (`-h`) after any command prints its part of this page. Results go to standard output, everything else to
standard error. Messages and help are Chinese where the locale (`LC_ALL`, then `LC_MESSAGES`, then `LANG`) begins with
`zh`, and English anywhere else; `--lang zh` or `--lang en`, anywhere on the line, overrides it.

All but `serve`, `demo`, `settings`, `schema` and `doctor` speak to a running server, at the address and with the token of the
settings (`MAILAUNCHER_HOST`, `MAILAUNCHER_PORT`, `MAILAUNCHER_TOKEN`) unless `--url` and `--token` say
otherwise.

"""

_STATUSES = {
    0: "success",
    1: "failure; also what `doctor` and `schema --check` found",
    2: "bad input: options, settings, paths, names",
    3: "not found",
    4: "conflict with the present state",
    5: "refused",
    6: "nothing answers there",
    130: "ended by Ctrl-C, where that is not the usual end",
}


def generated() -> dict[str, str]:
    """Every generated page, by its path below docs/."""
    from rest import api
    from rest import openapi as rest
    from schema import reference

    return {
        "configuration.md": configuration(),
        "cli.md": commands(),
        "reference/graphql.md": reference.page(),
        "reference/rest.md": rest.markdown(api.TABLE),
    }


def openapi(language: str) -> str:
    """The OpenAPI description of the REST API, as JSON."""
    from rest import api
    from rest import openapi as rest

    return msgspec.json.format(msgspec.json.encode(rest.document(api.TABLE, language))).decode() + "\n"


def configuration() -> str:
    """docs/configuration.md."""
    limits = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    rows = [
        (
            f"`{setting.name}`",
            f"`{setting.variable}`",
            _kind(setting.kind, limits[setting.name]),
            f"`{setting.default}`",
            f"{setting.en}<br>{setting.zh}",
        )
        for setting in catalogue()
    ]
    return _CONFIGURATION + _table(("Setting", "Variable", "Type", "Default", "Meaning"), rows)


def _kind(kind: str, limits: dict[str, Any]) -> str:
    """The type in words, with its bounds."""
    least = limits.get("minimum", limits.get("exclusiveMinimum"))
    bounds = []
    if least is not None:
        bounds.append(f"from {least}" if "minimum" in limits else f"above {least}")
    if "maximum" in limits:
        bounds.append(f"up to {limits['maximum']}")
    return ", ".join((kind, " ".join(bounds))) if bounds else kind


def commands() -> str:
    """docs/cli.md."""
    from mailauncher.cli.program import tree

    root = tree("en")
    parts = [*_command(root, "mailauncher")]
    for name, command in root.commands.items():
        parts += _command(command, f"mailauncher {name}")
    return _CLI + "\n".join((*parts, *_exit_statuses()))


def _command(command: Any, name: str) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    places = [p.metavar if p.required else f"[{p.metavar}]" for p in arguments]
    usage = ["COMMAND ..."] if hasattr(command, "commands") else places
    yield f"## {name}\n"
    yield f"```\n{' '.join((name, '[OPTIONS]', *usage))}\n```\n"
    yield f"{command.help}\n"
    if command.params:
        yield _table(("Option", "Meaning"), [(f"`{_names(p)}`", _meaning(p)) for p in command.params])


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar)
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {parameter.metavar}"


def _meaning(parameter: Any) -> str:
    default = None if parameter.required or parameter.default in (None, False, True) else parameter.default
    return str(parameter.help if default is None else f"{parameter.help} Default: `{default}`.")


def _exit_statuses() -> Iterator[str]:
    yield "## Exit statuses\n"
    yield _table(("Status", "Meaning"), [(str(status), text) for status, text in _STATUSES.items()])
    yield "An error is one line on standard error, `Error CODE: message`; lines that follow, if any, are indented.\n"
    yield _table(
        ("Code", "Exit status"), [(f"`{code}`", str(verdict.exit)) for code, verdict in VERDICTS.items()]
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
