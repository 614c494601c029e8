"""`config`: the configuration files of an instance, their values and their history."""

from typing import Annotated, Any

import typer

from cli import completion
from cli.client import AsJson, Token, Url, connect
from cli.config_file import File, edit_file
from cli.config_value import is_new, nearest, present_at, typed
from cli.console import Console, console_of, print_content, print_diff, print_json
from cli.groups import InstanceFirst
from cli.instances import Name
from cli.language import described, help_text
from cli.table import local_time
from mailauncher.errors import InstanceNotRunning, InvalidParameter, ResourceNotFound, Text

_FILES = (
    """query ($id: ID!) { files: configFiles(instanceId: $id) { name path kind component exists restart } }"""
)

_MOVE = """mutation ($input: MovePortsInput!) { done: movePorts(input: $input) {
  ports { name former port } changedFiles restartNeeded message } }"""


class _Group(InstanceFirst):
    defaults = ("ls", "show")


config = typer.Typer(
    cls=_Group,
    help=help_text(
        "查看和修改实例的配置文件。\n\n修改不影响注释和格式，以前的内容都会保留。PATH 形如 api.hosts.0。",
        "Show and change the configuration files of an instance.\n\nChanges preserve comments and formatting, and every"
        " earlier content is kept. A PATH looks like api.hosts.0.",
    ),
)

FileName = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        autocompletion=completion.file,
        help=help_text("文件的名称，如 bot 或 env；见 ls。", "Name of the file, such as bot or env; see ls."),
    ),
]
ValuePath = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help=help_text("值的位置，如 api.hosts.0。", "Where the value is, such as api.hosts.0."),
    ),
]


@config.command()
@described("列出实例的配置文件。", "List the configuration files of an instance.")
def ls(
    context: typer.Context, name: Name, as_json: AsJson = False, url: Url = None, token: Token = None
) -> None:
    client = connect(context, url, token)
    files = client.graphql(_FILES, id=client.find(name).id)["files"]
    if as_json:
        print_json(files)
        return
    console = console_of(context)
    missing = console.pick("尚不存在", "not there yet")
    rows = [(f["name"], f["path"], f["component"], "" if f["exists"] else missing) for f in files]
    print(console.table(_HEADINGS, rows))


@config.command()
@described("显示一个文件；--json 显示其中的值。", "Print a file; with --json, its values.")
def show(
    context: typer.Context,
    name: Name,
    file: FileName,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    fields = "path exists text config" if as_json else "path exists text"
    found = _file(context, name, file, url, token).read(fields)
    if not found["exists"]:
        path = found["path"]
        console_of(context).note(f"{path} 尚不存在", f"There is no {path} yet")
    if as_json:
        print_json(found["config"])
    else:
        text = found["text"]
        print_content(text if text.endswith("\n") or not text else f"{text}\n")


@config.command()
@described("显示一个值。", "Print a value.")
def get(
    context: typer.Context,
    name: Name,
    file: FileName,
    path: ValuePath,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    value = config = _file(context, name, file, url, token).read("config")["config"]
    steps = _steps(path, config)
    for step in steps:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, TypeError, ValueError):
            raise ResourceNotFound(*_no_such(path, nearest(config, steps))) from None
    if isinstance(value, str) and not as_json:
        print_content(f"{value}\n")
    else:
        print_json(value)


@config.command("set")
@described(
    "修改或添加一个值。\n\n类型保持不变：原来是文本的仍为文本。新的值能读作 JSON 时即为 JSON，否则为文本；.env 中总是文本。",
    "Change or add a value.\n\nIts type stays: what is text stays text. A new value is JSON if it can be read as JSON, else text; in a"
    " .env file it is always text.",
)
def set_value(
    context: typer.Context,
    name: Name,
    file: FileName,
    path: ValuePath,
    value: Annotated[str, typer.Argument(metavar="VALUE", help=help_text("新的值。", "The new value."))],
    text: Annotated[
        bool,
        typer.Option(
            "--text",
            help=help_text(
                "VALUE 是文本，即使看起来像数字、true 或 JSON。",
                "VALUE is text, even if it looks like a number, true or JSON.",
            ),
        ),
    ] = False,
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help=help_text(
                "PATH 是新的，即使与已有的相近。", "PATH is new, even though there is one that resembles it."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    target = _file(context, name, file, url, token)
    found = target.read("kind config")
    steps, config = _steps(path, found["config"]), found["config"]
    if not new and (near := nearest(config, steps)) is not None:
        why = _no_such(path, near)
        raise InvalidParameter(
            f"{why.zh}；若确要新增 {path}，请加上 --new",
            f"{why.en}; to add {path} all the same, give --new",
            field="PATH",
        )
    try:
        literal = text or found["kind"] == "ENV"
        given = value if literal else typed(value, path, present_at(config, steps))
        target.change("setConfigValue", as_json, path=steps, value=given)
        if is_new(config, steps):
            target.console.note(f"{path} 是新增的", f"{path} is new")
    except RecursionError:  # from reading the JSON, or from writing what could just be read
        raise InvalidParameter(
            "VALUE 嵌套过深；若它是文本，请加上 --text",
            "VALUE is nested too deeply; if it is text, add --text",
            field="VALUE",
        ) from None


@config.command()
@described("移除一个值。", "Remove a value.")
def unset(
    context: typer.Context,
    name: Name,
    file: FileName,
    path: ValuePath,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    target = _file(context, name, file, url, token)
    config = target.read("config")["config"]
    steps = _steps(path, config)
    target.change("unsetConfigValue", as_json, path=steps)
    if is_new(config, steps):
        target.console.note(*_no_such(path, nearest(config, steps)))


@config.command()
@described(
    "用自己的编辑器（VISUAL、EDITOR，否则 vi）编辑一个文件。\n\n期间若有别人修改了它，不会覆盖；无法写入时，编辑的内容会保留。",
    "Edit a file in your editor: VISUAL, EDITOR, or vi.\n\nChanges that others make meanwhile are not overwritten. An edit"
    " that cannot be written is kept.",
)
def edit(
    context: typer.Context,
    name: Name,
    file: FileName,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    edit_file(_file(context, name, file, url, token), as_json=as_json)


@config.command()
@described("列出一个文件以前的内容，从新到旧。", "List the earlier contents of a file, the newest first.")
def history(
    context: typer.Context,
    name: Name,
    file: FileName,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    target = _file(context, name, file, url, token)
    found = target.read("revisions(first: 100) { id at source caller etag size }")["revisions"]
    if as_json:
        print_json(found)
        return
    rows = [(r["id"], local_time(r["at"]), _source(r, target.console), str(r["size"])) for r in found]
    print(target.console.table(_REVISION_HEADINGS, rows))


@config.command()
@described(
    "显示一个修订版改动了什么；默认为最近一个。",
    "Show what a revision changed; by default the newest one.",
)
def diff(
    context: typer.Context,
    name: Name,
    file: FileName,
    revision: Annotated[
        str | None,
        typer.Argument(
            metavar="REVISION",
            autocompletion=completion.revision,
            help=help_text("修订版，见 history。", "The revision, as listed by history."),
        ),
    ] = None,
    since_start: Annotated[
        bool,
        typer.Option(
            "--since-start",
            help=help_text(
                "Bot 或服务启动以来的全部改动。", "Show all changes since the start of the bot or service."
            ),
        ),
    ] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    if since_start and revision is not None:
        raise InvalidParameter(
            "REVISION 和 --since-start 只能给出一个",
            "Give either REVISION or --since-start",
            field="REVISION",
        )
    target = _file(context, name, file, url, token)
    if since_start:
        _print_since_start(target)
        return
    if revision is None:
        newest = target.read("revisions(first: 1) { id }")["revisions"]
        if not newest:
            return
        revision = newest[0]["id"]
    print_diff(target.read_revision(revision)["diff"])


def _print_since_start(target: File) -> None:
    """Raises InstanceNotRunning."""
    found = target.read("component diffSinceStart")
    if found["diffSinceStart"] is None:
        what = target.instance.name if found["component"] == "main" else found["component"]
        raise InstanceNotRunning(f"{what} 没有在运行", f"{what} is not running")
    if not found["diffSinceStart"]:
        target.console.note("启动以来没有改动", "Nothing has changed since the start")
    print_diff(found["diffSinceStart"])


@config.command()
@described("把文件恢复成一个修订版的内容。", "Restore a file to the content of a revision.")
def restore(
    context: typer.Context,
    name: Name,
    file: FileName,
    revision: Annotated[
        str,
        typer.Argument(
            metavar="REVISION",
            autocompletion=completion.revision,
            help=help_text("修订版，见 history。", "The revision, as listed by history."),
        ),
    ],
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    _file(context, name, file, url, token).change("restoreConfig", as_json, revision=revision)


@config.command()
@described(
    "把被其他进程占用的端口换成空闲的，或换成给出的端口，凡是写着它的配置文件都会修改。\n\nNAME 为 main、服务名，或 webui 等其他端口的名称。",
    "Replace ports that other processes listen on by free ones, or by given ones, in all configuration files that name them.\n\n"
    "NAME is main, the name of a service, or that of a further port such as webui.",
)
def port(
    context: typer.Context,
    name: Name,
    ports: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=PORT",
            help=help_text(
                "新的端口，如 main=8010；不给出时只换被占用的。",
                "A new port, such as main=8010; without any, those that are taken are replaced.",
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    asked = [_new_port(given) for given in ports] if ports else None
    client = connect(context, url, token)
    done = client.graphql(_MOVE, input={"instanceId": client.find(name).id, "ports": asked})["done"]
    if as_json:
        print_json(done)
    else:
        print(done["message"])


def _new_port(given: str) -> dict[str, object]:
    """Raises InvalidParameter."""
    name, _, number = given.partition("=")
    if not (name and number.isascii() and number.isdecimal() and len(number) <= 5):
        raise InvalidParameter(
            f"{given} 应为 NAME=PORT，如 main=8010",
            f"{given} should be NAME=PORT, such as main=8010",
            field="NAME=PORT",
        )
    return {"name": name, "port": int(number)}


_HEADINGS = (Text("名称", "NAME"), Text("路径", "PATH"), Text("组件", "COMPONENT"), Text("", ""))
_REVISION_HEADINGS = (
    Text("修订版", "REVISION"),
    Text("时间", "TIME"),
    Text("来源", "SOURCE"),
    Text("字节", "BYTES"),
)


def _file(context: typer.Context, name: str, file: str, url: str | None, token: str | None) -> File:
    client = connect(context, url, token)
    return File(client, console_of(context), client.find(name), file)


def _no_such(path: str, near: str | None) -> Text:
    if near is None:
        return Text(f"没有 {path}", f"There is no {path}")
    return Text(f"没有 {path}，但有 {near}", f"There is no {path}, but there is {near}")


def _steps(path: str, config: Any) -> list[str]:
    """The steps of a dotted path. Of keys that contain dots themselves, those of `config` are recognised. Raises
    InvalidParameter for an empty step, such as an empty variable of a script leaves."""
    steps, rest = [], path.split(".")
    while rest:
        taken = next(
            (n for n in range(len(rest), 0, -1) if isinstance(config, dict) and ".".join(rest[:n]) in config),
            1,
        )
        step, rest = ".".join(rest[:taken]), rest[taken:]
        if not step and not (isinstance(config, dict) and step in config):
            raise InvalidParameter(f"路径 '{path}' 中有空的一段", f"The path '{path}' has an empty step")
        steps.append(step)
        config = _member(config, step)
    return steps


def _member(config: Any, step: str) -> Any:
    if isinstance(config, list):
        return next((member for index, member in enumerate(config) if str(index) == step), None)
    return config.get(step) if isinstance(config, dict) else None


_SOURCES = {
    "API": Text("修改", "changed"),
    "DISK": Text("磁盘上的改动", "found on disk"),
    "RESTORE": Text("恢复", "restored"),
    "DEPLOY": Text("部署", "deployed"),
}

_CALLERS = {
    "cli": Text("命令行", "command line"),
    "graphql": Text("GraphQL", "GraphQL"),
    "rest": Text("REST", "REST"),
}


def _source(revision: dict[str, str], console: Console) -> str:
    words = console.translate(_SOURCES[revision["source"]])
    if revision["source"] not in ("API", "RESTORE"):
        return words
    caller = _CALLERS.get(revision["caller"])
    return f"{words} ({console.translate(caller) if caller else revision['caller']})"
