"""Each operation through REST and through GraphQL, against equal states: equal results, codes, words and consequences.

There are two servers with the same folders. One is asked by REST, the other by GraphQL; before each case both are emptied.
"""

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from resolvers import deployments, emojis, instances, persons, services
from resolvers.views import InstanceView
from tests.support import deployable
from tests.support.context import PATIENT_BOT, add_bot, settings_for
from tests.support.git import Repository
from tests.support.graphql import ask, client
from tests.support.pictures import base64_of, picture
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

NOBODY = "0" * 40
CRASHING = "import sys\nprint('no config here', flush=True)\nsys.exit(7)\n"


@dataclass
class World:
    """One of the two servers: its folder, its instances by name, and resources to close."""

    launcher: Launcher
    folder: Path
    stack: AsyncExitStack
    names: dict[str, str] = field(default_factory=dict)
    """Ids of emojis and persons created for it, by name."""
    before: int = 0
    """The id of the last event of the cases before."""

    def view(self, name: str) -> InstanceView:
        return next(view for view in self.launcher.ctx.live.views if view.name == name)

    def filled(self, text: str) -> str:
        """The text with `{id:NAME}`, `{made:NAME}`, `{port:NAME}`, `{port:NAME:SERVICE}` and `{folder}` replaced."""

        def value(match: re.Match[str]) -> str:
            kind, _, rest = match[1].partition(":")
            if kind == "folder":
                return str(self.folder)
            if kind == "made":
                return self.names[rest]
            name, _, service = rest.partition(":")
            view = self.view(name)
            if kind == "id":
                return view.id
            found = view.service(service)
            return str(found.port if found else view.port)

        return re.sub(r"\{(folder|(?:id|made):\w+|port:[\w:-]+)\}", value, text)

    def plain(self, value: Any) -> Any:
        """A value without what differs between the worlds: ids, ports, the folder, process ids."""
        text = json.dumps(value, ensure_ascii=False).replace(str(self.folder), "FOLDER")
        for view in self.launcher.ctx.live.views:
            text = text.replace(view.id, f"ID-{view.name}")
            for port in (view.port, *(service.port for service in view.services)):
                text = re.sub(rf"\b{port}\b", "11111", text)
        text = re.sub(r"\b[0-9a-f]{40}\b", "ID", text)
        return json.loads(re.sub(r"pid \d+", "pid PID", text))

    def state(self) -> Any:
        """The state of the server."""
        return self.plain(
            [
                [view.name, view.path, view.status, bool(view.pid), view.recipe]
                + [[service.name, service.status, bool(service.pid)] for service in view.services]
                for view in self.launcher.ctx.live.views
            ]
        )

    async def journal(self) -> Any:
        """What its journal has of this case, but for who asked."""
        rows = await self.launcher.ctx.store.journal.after(self.before, 200)
        return sorted(self.plain([[row["kind"], row["zh"], row["en"]] for row in rows]))


Arrangement = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """One operation through both doors. `shape` makes the value of the GraphQL field what REST answers, without
    `success`; `exact` is False where the two parse wrong input before any resolver sees it, each in its own words."""

    name: str
    rest: tuple[str, str] | tuple[str, str, dict[str, Any]]
    document: str
    variables: dict[str, Any] = field(default_factory=dict)
    shape: Callable[[Any], Any] = lambda value: {"message": value["message"]}
    arrange: tuple[Arrangement, ...] = ()
    code: str | None = None
    exact: bool = True
    named: Mapping[str, str] = field(default_factory=dict)
    """Names of REST's fields that differ in GraphQL."""


async def bot(world: World) -> None:
    """An instance `bot` with both services, not running."""
    await add_bot(
        world.launcher.ctx, world.folder / "bot", PATIENT_BOT, napcat=PATIENT_BOT, nonebot_ada=PATIENT_BOT
    )


async def other(world: World) -> None:
    """An instance `other` without services."""
    await add_bot(world.launcher.ctx, world.folder / "other", PATIENT_BOT)


async def crashing(world: World) -> None:
    """An instance `bot` whose program exits at once."""
    await add_bot(world.launcher.ctx, world.folder / "bot", CRASHING)


async def folder(world: World) -> None:
    """A folder `new` that can be added, and a file `file` that cannot."""
    (world.folder / "new").mkdir(parents=True)
    (world.folder / "new" / "bot.py").write_text(PATIENT_BOT)
    (world.folder / "file").touch()
    (world.launcher.ctx.settings.workspace_folder / "bot.py").write_text(PATIENT_BOT)


async def running_(world: World) -> None:
    await instances.start(world.launcher.ctx, world.view("bot").id)


async def service_running(world: World) -> None:
    await services.start(world.launcher.ctx, world.view("bot").id, "napcat")


def occupied(service: str | None = None) -> Arrangement:
    """Another process listens on the port of `bot`, or of one of its services."""

    async def arrange(world: World) -> None:
        view = world.view("bot")
        found = view.service(service) if service else None
        listener = world.stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", found.port if found else view.port))
        listener.listen()

    return arrange


def command(name: str, payload: str = "message complete") -> str:
    """A mutation with an instance's id as input."""
    kind = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {payload} }} }}"


def on(verb: str, target: str = "{id:bot}") -> dict[str, Any]:
    """A command on an instance, through both interfaces."""
    rest = (
        ("DELETE", f"/instance/{target}/delete")
        if verb == "delete"
        else ("GET", f"/instance/{target}/{verb}")
    )
    return {"rest": rest, "document": command(f"{verb}Instance"), "variables": {"input": {"id": target}}}


def serving(service: str, target: str = "{id:bot}") -> dict[str, Any]:
    """The start of a service through both interfaces, by its name in REST's path."""
    return {
        "rest": ("GET", f"/start/{target}/{service}"),
        "document": command("startService"),
        "variables": {"input": {"instanceId": target, "name": service}},
    }


def adding(**given: Any) -> dict[str, Any]:
    new = {"name": "new", "path": "{folder}/new", "port": 18080} | given
    return {
        "rest": ("POST", "/instances/add", new),
        "document": command("addInstance", "message instance { id }"),
        "variables": {"input": new},
        "shape": lambda value: {"message": value["message"], "instance_id": value["instance"]["id"]},
    }


async def installed(world: World) -> None:
    """An instance `bot` that was deployed."""
    services = (instances.NewService("napcat"), instances.NewService("nonebot-ada"))
    await deployments.deploy(world.launcher.ctx, deployments.NewDeployment("bot", services=services))
    await settle(world)


async def settle(world: World) -> None:
    """Waits until no deployment is in progress."""
    async with asyncio.timeout(60):
        for found in await deployments.list_all(world.launcher.ctx):
            async for _ in deployments.progress(world.launcher.ctx, found.instance_id):
                """Only the final state counts."""


async def cut_off(world: World) -> None:
    """Makes the repository unreachable."""
    (world.folder / "repository").unlink()


DEPLOY_NAMES = {"instance_name": "name", "install_path": "path", "install_services": "services"}


def deploying(**given: Any) -> dict[str, Any]:
    """A deployment through both interfaces; `services` are names."""
    new = {"name": "new", "path": "{folder}/new", "version": "0.12.1"} | given
    rest = {{v: k for k, v in DEPLOY_NAMES.items()}.get(key, key): value for key, value in new.items()}
    if "services" in new:
        new["services"] = [{"name": name} for name in new["services"]]
    return {
        "rest": ("POST", "/deploy/deploy", rest),
        "document": command("deployInstance", "message deployment { instanceId }"),
        "variables": {"input": new},
        "shape": lambda value: {
            "message": value["message"],
            "instance_id": value["deployment"]["instanceId"],
        },
        "named": DEPLOY_NAMES,
    }


def status_of(target: str) -> dict[str, Any]:
    """The progress of a deployment through both interfaces."""
    return {
        "rest": ("GET", f"/install-status/{target}"),
        "document": """query ($id: ID!) { deployment(instanceId: $id) { status progress message logs
                       services { name status progress message } } }""",
        "variables": {"id": target},
        "shape": status_like_rest,
    }


def status_like_rest(value: Any) -> Any:
    for part in (value, *value["services"]):
        part["status"] = part["status"].lower()
    return {
        **{key: value[key] for key in ("status", "progress", "logs", "message")},
        "current_step": value["message"],
        "services_install_status": value["services"],
    }


def instances_like_rest(value: Any) -> Any:
    for instance in value:
        instance["status"] = instance["status"].lower()
        moment = datetime.fromisoformat(instance["installedAt"])
        instance["installedAt"] = str(round(moment.timestamp() * 1000))
        for service in instance["services"]:
            service["status"] = service["status"].lower()
    return {"instances": value}


LIST = """{ instances { id name status installedAt path port version
            services { name path status port } } }"""
CASES = [
    Case("no instances", ("GET", "/instances"), LIST, shape=instances_like_rest),
    Case(
        "instances that stand",
        ("GET", "/instances"),
        LIST,
        shape=instances_like_rest,
        arrange=(bot, other),
    ),
    Case(
        "instances that run",
        ("GET", "/instances"),
        LIST,
        shape=instances_like_rest,
        arrange=(bot, other, running_),
    ),
    Case(
        "stats",
        ("GET", "/instances/stats"),
        "{ instanceStats { total running stopped } }",
        shape=lambda value: value,
        arrange=(bot, other, running_),
    ),
    Case("add", **adding(), arrange=(folder,)),
    Case("add with a name of any script", **adding(name="麦麦 1.0-β_x"), arrange=(folder,)),
    Case("add from the workspace", **adding(path="~"), arrange=(folder,)),
    *(
        Case(f"add with the name {name!r}", **adding(name=name), arrange=(folder,), code="INVALID_PARAMETER")
        for name in ("", "..", "a/b", " a", "x" * 65, "a\nb", "a\0b")
    ),
    *(
        Case(f"add with the path {path!r}", **adding(path=path), arrange=(folder,), code="INVALID_PATH")
        for path in ("", "{folder}/nowhere", "{folder}/file", "relative", "a\0b", "{folder}/" + "x" * 300)
    ),
    *(
        Case(f"add with the port {port}", **adding(port=port), arrange=(folder,), code="INVALID_PARAMETER")
        for port in (0, -1, 65536)
    ),
    *(
        Case(
            f"add with {key} = {value!r}",
            **adding(**{key: value}),
            arrange=(folder,),
            code="INVALID_PARAMETER",
            exact=False,
        )
        for key, value in (("port", "x"), ("port", 1 << 40), ("name", 5), ("path", []))
    ),
    Case("add a name twice", **adding(name="bot"), arrange=(folder, bot), code="DUPLICATE_RESOURCE"),
    Case("add a folder twice", **adding(path="{folder}/bot"), arrange=(bot,), code="DUPLICATE_RESOURCE"),
    Case("add with another's port", **adding(port="{port:bot}"), arrange=(folder, bot), code="PORT_IN_USE"),
    Case(
        "add with a service's port",
        **adding(port="{port:bot:napcat}"),
        arrange=(folder, bot),
        code="PORT_IN_USE",
    ),
    Case("start", **on("start"), arrange=(bot, other)),
    Case("start beside a running service", **on("start"), arrange=(bot, service_running)),
    Case("start twice", **on("start"), arrange=(bot, running_), code="INSTANCE_ALREADY_RUNNING"),
    Case("start what ends at once", **on("start"), arrange=(crashing,), code="COMMAND_FAILED"),
    Case("start on a taken port", **on("start"), arrange=(bot, occupied()), code="PORT_IN_USE"),
    Case(
        "start on a service's taken port",
        **on("start"),
        arrange=(bot, occupied("napcat")),
        code="PORT_IN_USE",
    ),
    Case("stop", **on("stop"), arrange=(bot, running_)),
    Case("stop the only service", **on("stop"), arrange=(bot, service_running)),
    Case("stop what stands", **on("stop"), arrange=(bot,), code="INSTANCE_NOT_RUNNING"),
    Case("restart", **on("restart"), arrange=(bot, running_)),
    Case("restart what stands", **on("restart"), arrange=(bot,)),
    Case("restart what ends at once", **on("restart"), arrange=(crashing,), code="COMMAND_FAILED"),
    Case("delete", **on("delete"), arrange=(bot, other)),
    Case("delete what runs", **on("delete"), arrange=(bot, other, running_)),
    Case(
        "delete files of others",
        ("DELETE", "/instance/{id:bot}/delete?files=delete"),
        command("deleteInstance"),
        {"input": {"id": "{id:bot}", "files": True}},
        arrange=(bot,),
        code="PERMISSION_DENIED",
    ),
    *(
        Case(f"{verb} {target[:2]}", **on(verb, target), arrange=(bot,), code="INSTANCE_NOT_FOUND")
        for verb in ("start", "stop", "restart", "delete")
        for target in (NOBODY, "未知")
    ),
    Case("start napcat", **serving("napcat"), arrange=(bot,)),
    Case("start nonebot", **serving("nonebot"), arrange=(bot,)),
    Case(
        "start napcat beside the main program",
        **serving("napcat"),
        arrange=(bot, service_running),
        code="INSTANCE_ALREADY_RUNNING",
    ),
    Case(
        "start nonebot twice", **serving("nonebot"), arrange=(bot, running_), code="INSTANCE_ALREADY_RUNNING"
    ),
    Case(
        "start napcat on a taken port",
        **serving("napcat"),
        arrange=(bot, occupied("napcat")),
        code="PORT_IN_USE",
    ),
    *(
        Case(f"start {service} of nobody", **serving(service, NOBODY), code="INSTANCE_NOT_FOUND")
        for service in ("napcat", "nonebot")
    ),
    *(
        Case(
            f"start {service} that is not there",
            **serving(service, "{id:other}"),
            arrange=(other,),
            code="RESOURCE_NOT_FOUND",
        )
        for service in ("napcat", "nonebot")
    ),
    Case(
        "versions",
        ("GET", "/deploy/versions"),
        "{ deployVersions { versions { name } } }",
        shape=lambda value: {"versions": [version["name"] for version in value["versions"]]},
    ),
    Case(
        "versions without a repository",
        ("GET", "/deploy/versions"),
        "{ deployVersions { versions { name } } }",
        arrange=(cut_off,),
        code="DOWNLOAD_FAILED",
    ),
    Case(
        "services that can be deployed",
        ("GET", "/deploy/services"),
        "{ deployServices { name description } }",
        shape=lambda value: {"services": value},
    ),
    Case("deploy", **deploying()),
    Case("deploy with services", **deploying(services=["napcat", "nonebot-ada"])),
    Case("deploy into the workspace", **deploying(path=None, version="latest", name="麦麦")),
    *(
        Case(f"deploy with {key} = {value!r}", **deploying(**{key: value}), code=code)
        for key, value, code in (
            ("version", "9.9.9", "VERSION_NOT_FOUND"),
            ("version", "-x", "INVALID_PARAMETER"),
            ("name", "", "INVALID_PARAMETER"),
            ("path", "/", "INVALID_PATH"),
            ("path", "relative", "INVALID_PATH"),
            ("path", "{folder}/repository", "INVALID_PATH"),
            ("port", 0, "INVALID_PARAMETER"),
            ("services", ["nothing"], "INVALID_PARAMETER"),
            ("services", ["napcat", "napcat"], "INVALID_PARAMETER"),
        )
    ),
    Case("deploy a name twice", **deploying(name="bot"), arrange=(bot,), code="DUPLICATE_RESOURCE"),
    Case("deploy into another", **deploying(path="{folder}/bot/x"), arrange=(bot,), code="INVALID_PATH"),
    Case("deploy on another's port", **deploying(port="{port:bot}"), arrange=(bot,), code="PORT_IN_USE"),
    Case("deploy without a repository", **deploying(), arrange=(cut_off,), code="DOWNLOAD_FAILED"),
    Case("status of a deployment", **status_of("{id:bot}"), arrange=(installed,)),
    Case("status of what was added", **status_of("{id:bot}"), arrange=(bot,), code="RESOURCE_NOT_FOUND"),
    Case("status of nobody", **status_of(NOBODY), code="INSTANCE_NOT_FOUND"),
    Case("delete what was deployed", **on("delete"), arrange=(installed,)),
]

# Emojis and persons

PICTURE = base64_of(picture())
EMOJI: dict[str, Any] = {
    "name": "happy",
    "description": "开心",
    "tags": ["Emotion", "happy"],
    "category": "emotions",
}
PERSON: dict[str, Any] = {
    "username": "testuser",
    "nickname": "小林",
    "profile": {"age": 25, "list": [1, None]},
}


async def emoji(world: World) -> None:
    """An emoji `happy` of `bot`, after another."""
    ctx, bot = world.launcher.ctx, world.view("bot").id
    for name in ("first", "happy"):
        new = emojis.NewEmoji(name, PICTURE, "开心", ("Emotion", name), "emotions")
        world.names[name] = (await emojis.create(ctx, bot, new)).id


async def person(world: World) -> None:
    """A person with the user id 12345 whom `bot` knows, after another."""
    ctx, bot = world.launcher.ctx, world.view("bot").id
    for user_id in ("999", "12345"):
        new = persons.NewPerson(user_id, "testuser", "小林", profile=PERSON["profile"])
        world.names[user_id] = (await persons.create(ctx, bot, new)).id


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def snakes(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """GraphQL's values of these fields under REST's names; times without milliseconds."""
    return {
        name: re.sub(r"\.\d{3}Z$", "Z", value[camel(name)]) if name.endswith("_at") else value[camel(name)]
        for name in names
    }


def resource(kind: str, verb: str, target: str = "{id:bot}", **given: Any) -> dict[str, Any]:
    """Creating, updating or deleting an emoji or a person, through both interfaces."""
    of = f"{kind}/{given.pop('id')}" if "id" in given else kind
    method = {"create": "POST", "update": "PUT", "delete": "DELETE"}[verb]
    body = () if verb == "delete" else (given,)
    field = f"{verb}{kind.capitalize()}"
    made = f"{kind} {{ id }}" if verb == "create" else ""
    variables = {"instanceId": target} | {camel(name): value for name, value in given.items()}
    if "/" in of:
        variables["id"] = of.partition("/")[2]

    def shape(value: Any) -> Any:
        found = {"message": value["message"]}
        return {f"{kind}_id": value[kind]["id"]} | found if verb == "create" else found

    return {
        "rest": (method, f"/resource/{target}/{of}", *body),
        "document": command(field, f"message {made}"),
        "variables": {"input": variables},
        "shape": shape,
    }


def getting(kind: str, id: str, names: tuple[str, ...]) -> dict[str, Any]:
    fields = " ".join(map(camel, names))
    return {
        "rest": ("GET", f"/resource/{{id:bot}}/{kind}/{id}"),
        "document": f"query ($bot: ID!, $id: ID!) {{ {kind}(instanceId: $bot, id: $id) {{ {fields} }} }}",
        "variables": {"bot": "{id:bot}", "id": id},
        "shape": lambda value: snakes(value, *names),
    }


def searching(kind: str, names: tuple[str, ...], **wanted: Any) -> dict[str, Any]:
    """The first page, which both interfaces have."""
    fields = " ".join(map(camel, names))
    kinds = {
        "text": "String",
        "tags": "[String!]",
        "category": "String",
        "user_id": "String",
        "username": "String",
    }
    text = {("text" if name == "query" else name): value for name, value in wanted.items()}
    declared = "".join(f", ${camel(name)}: {kinds[name]}" for name in text)
    passed = "".join(f", {camel(name)}: ${camel(name)}" for name in text)
    document = f"""query ($bot: ID!{declared}) {{ instance(id: $bot) {{ {kind}s(first: 20{passed}) {{
      totalCount edges {{ node {{ {fields} }} }} }} }} }}"""

    def shape(value: Any) -> Any:
        page = value[f"{kind}s"]
        found = [snakes(edge["node"], *names) for edge in page["edges"]]
        return {f"{kind}s": found, "total": page["totalCount"], "limit": 20, "offset": 0}

    return {
        "rest": ("POST", f"/resource/{{id:bot}}/{kind}/search", wanted),
        "document": document,
        "variables": {"bot": "{id:bot}"} | {camel(name): value for name, value in text.items()},
        "shape": shape,
    }


SHORT_EMOJI = ("id", "name", "description", "image_url", "tags", "category")
SHORT_PERSON = ("id", "user_id", "username", "nickname", "avatar_url")
CASES += [
    Case("create an emoji", **resource("emoji", "create", image_data=PICTURE, **EMOJI), arrange=(bot,)),
    Case(
        "create an emoji of nobody",
        **resource("emoji", "create", NOBODY, image_data=PICTURE, **EMOJI),
        code="INSTANCE_NOT_FOUND",
    ),
    Case(
        "create an emoji twice",
        **resource("emoji", "create", image_data=PICTURE, **EMOJI),
        arrange=(bot, emoji),
        code="DUPLICATE_RESOURCE",
    ),
    *(
        Case(
            f"create an emoji with {key} = {str(value)[:12]!r}",
            **resource("emoji", "create", **({"image_data": PICTURE} | EMOJI | {key: value})),
            arrange=(bot,),
            code=code,
        )
        for key, value, code in (
            ("name", "", "INVALID_PARAMETER"),
            ("name", "a\0b", "INVALID_PARAMETER"),
            ("tags", [""], "INVALID_PARAMETER"),
            ("category", "x" * 65, "INVALID_PARAMETER"),
            ("image_data", "", "INVALID_IMAGE_FORMAT"),
            ("image_data", "x!", "INVALID_IMAGE_FORMAT"),
            ("image_data", base64_of(bytes(11 << 20)), "FILE_TOO_LARGE"),
        )
    ),
    Case(
        "get an emoji", **getting("emoji", "{made:happy}", (*SHORT_EMOJI, "created_at")), arrange=(bot, emoji)
    ),
    Case("get no emoji", **getting("emoji", NOBODY, SHORT_EMOJI), arrange=(bot,), code="RESOURCE_NOT_FOUND"),
    Case("all emojis", **searching("emoji", SHORT_EMOJI), arrange=(bot, emoji)),
    Case(
        "some emojis",
        **searching("emoji", SHORT_EMOJI, query="HAP", tags=["emotion"], category="emotions"),
        arrange=(bot, emoji),
    ),
    Case(
        "a search that is too long",
        **searching("emoji", SHORT_EMOJI, query="x" * 257),
        arrange=(bot,),
        code="INVALID_PARAMETER",
    ),
    Case(
        "change an emoji",
        **resource("emoji", "update", id="{made:happy}", name="super", tags=["x"]),
        arrange=(bot, emoji),
    ),
    Case(
        "change an emoji's name to another's",
        **resource("emoji", "update", id="{made:happy}", name="first"),
        arrange=(bot, emoji),
        code="DUPLICATE_RESOURCE",
    ),
    Case("delete an emoji", **resource("emoji", "delete", id="{made:happy}"), arrange=(bot, emoji)),
    Case(
        "delete no emoji", **resource("emoji", "delete", id=NOBODY), arrange=(bot,), code="RESOURCE_NOT_FOUND"
    ),
    Case("create a person", **resource("person", "create", user_id="1", **PERSON), arrange=(bot,)),
    Case(
        "create a person twice",
        **resource("person", "create", user_id="12345"),
        arrange=(bot, person),
        code="DUPLICATE_RESOURCE",
    ),
    *(
        Case(
            f"create a person with {key} = {str(value)[:12]!r}",
            **resource("person", "create", **dict[str, Any](user_id="1") | {key: value}),
            arrange=(bot,),
            code="INVALID_PARAMETER",
        )
        for key, value in (
            ("user_id", ""),
            ("nickname", "x" * 129),
            ("avatar_url", "javascript:x"),
            ("profile", {"x": "x" * 70_000}),
        )
    ),
    Case(
        "get a person",
        **getting("person", "{made:12345}", (*SHORT_PERSON, "profile", "created_at", "updated_at")),
        arrange=(bot, person),
    ),
    Case("all persons", **searching("person", SHORT_PERSON), arrange=(bot, person)),
    Case(
        "some persons",
        **searching("person", SHORT_PERSON, query="林", user_id="12345", username="TESTUSER"),
        arrange=(bot, person),
    ),
    Case(
        "change a person",
        **resource("person", "update", id="{made:12345}", nickname="x", profile={"age": None, "new": {}}),
        arrange=(bot, person),
    ),
    Case("delete a person", **resource("person", "delete", id="{made:12345}"), arrange=(bot, person)),
]


Servers = tuple[Launcher, Launcher]
SERVERS_OWN = ("data", "workspace", "repository")
"""What of a server's folder stays from case to case."""


@asynccontextmanager
async def server(folder: Path, releases: Repository) -> AsyncIterator[Launcher]:
    folder.mkdir()
    (folder / "repository").symlink_to(releases.folder)
    source = (folder / "repository").as_uri()
    settings = settings_for(folder, sources_maibot=[source])
    deployable.use(source, settings.data_folder)
    async with running(settings) as launcher:
        yield launcher


@asynccontextmanager
async def two_servers(folder: Path, releases: Repository) -> AsyncIterator[Servers]:
    async with server(folder / "r", releases) as left, server(folder / "g", releases) as right:
        yield left, right


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, releases: Repository) -> AsyncIterator[Servers]:
    async with two_servers(tmp_path_factory.mktemp("parity"), releases) as both:
        yield both


@asynccontextmanager
async def world(launcher: Launcher) -> AsyncIterator[World]:
    """A server of which nothing is left that the cases before made, but for its journal."""
    folder = launcher.ctx.settings.data_folder.parent
    async with AsyncExitStack() as stack:
        found = World(launcher, folder, stack)
        for view in launcher.ctx.live.views:
            assert (await instances.delete(launcher.ctx, view.id)).complete
        await asyncio.to_thread(clear, folder)
        while rows := await launcher.ctx.store.journal.after(found.before, 1000):
            found.before = rows[-1]["id"]
        yield found


def clear(folder: Path) -> None:
    for path in (*folder.iterdir(), *(folder / "workspace").iterdir()):
        if path.parent == folder and path.name in SERVERS_OWN:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def filled(world: World, value: Any) -> Any:
    """Variables or a body with this world's ids and ports; a port is a number."""
    if isinstance(value, dict):
        return {key: filled(world, item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    text = world.filled(value)
    return int(text) if text != value and text.isdigit() else text


async def by_rest(world: World, case: Case, language: str) -> tuple[Any, Any]:
    """(response without `success` and what only the existing web client reads, error) of REST."""
    method, path, *body = case.rest
    async with client(world.launcher, {"Accept-Language": language}) as http:
        response = await http.request(
            method, "/api/v1" + world.filled(path), json=filled(world, body[0]) if body else None
        )
    answer = response.json()
    if response.status_code == 200:
        assert answer.pop("success", True) is True
        if answer.get("status") == "success":  # for the existing web client, like `data`
            answer = {key: value for key, value in answer.items() if key not in ("status", "data")}
        return answer, None
    assert answer["success"] is False
    return None, {"status": response.status_code, **answer["error"]}


async def by_graphql(world: World, case: Case, language: str) -> tuple[Any, Any]:
    """The same of GraphQL."""
    answer = await ask(
        world.launcher, case.document, {"Accept-Language": language}, **filled(world, case.variables)
    )
    if not answer.errors:
        return case.shape(answer.result), None
    return None, {"message": answer.error["message"], **answer.error["extensions"]}


@pytest.mark.parametrize(
    "case, language",
    [pytest.param(case, "zh" if place % 2 else "en", id=case.name[:50]) for place, case in enumerate(CASES)],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_rest_and_graphql_do_the_same(
    case: Case, language: str, shared: Servers, tmp_path: Path, releases: Repository
) -> None:
    async with AsyncExitStack() as stack:
        servers = shared
        if cut_off in case.arrange:  # a server that has seen a repository still knows what is in it
            servers = await stack.enter_async_context(two_servers(tmp_path, releases))
        left, right = [await stack.enter_async_context(world(launcher)) for launcher in servers]
        for arrange in case.arrange:
            await asyncio.gather(arrange(left), arrange(right))
        assert left.state() == right.state()
        rest, graphql = await asyncio.gather(by_rest(left, case, language), by_graphql(right, case, language))
        (answer, error), (same_answer, same_error) = left.plain(rest), right.plain(graphql)
        assert (error or {}).get("code") == (same_error or {}).get("code") == case.code
        if error is not None and error.get("field") in case.named:
            error["field"] = case.named[error["field"]]
        if case.exact:
            assert error == same_error
        elif error is not None:
            assert error["status"] == same_error["status"]
        assert timeless(answer) == timeless(same_answer)
        await asyncio.gather(settle(left), settle(right))
        assert left.state() == right.state()
        await wrote_the_same(left, right)


async def wrote_the_same(left: World, right: World) -> None:
    """The event of a failed start is written after its response."""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while await left.journal() != await right.journal():
                await asyncio.sleep(0.02)
    assert await left.journal() == await right.journal()


def timeless(answer: Any) -> Any:
    """A response without creation times, which are the only difference between the worlds."""
    for instance in (answer or {}).get("instances", ()):
        assert re.fullmatch(r"\d{13}", instance.pop("installedAt"))
    for name in ("created_at", "updated_at"):
        assert datetime.fromisoformat((answer or {}).pop(name, "2025-07-05T10:30:00Z")).tzinfo
    return answer


async def test_health_metrics_and_database_are_the_same(tmp_path: Path) -> None:
    """On one server, whose sampler does not run."""
    async with running(settings_for(tmp_path, metrics_interval_s=60)) as launcher:
        async with client(launcher) as http:
            health = (await http.get("/api/v1/system/health")).json()
            metrics = (await http.get("/api/v1/system/metrics")).json()
            database = (await http.get("/api/v1/system/database")).json()
        found = await ask(
            launcher,
            """{ systemHealth { status uptime version timestamp } systemDatabase { system place answers version answerMs }
                 systemMetrics { cpu { usage cores } memory { total used free usagePercent }
                   disk { total used free usagePercent } network { bytesSent bytesReceived } } }""",
        )
    same_database = found.data["systemDatabase"]
    assert same_database.pop("answerMs") > 0
    assert database.pop("answer_ms") > 0
    assert same_database == database
    same_health, same_metrics = found.data["systemHealth"], found.data["systemMetrics"]
    assert abs(same_health.pop("uptime") - health.pop("uptime")) <= 5
    assert same_health.pop("timestamp").endswith("Z")
    assert health.pop("timestamp").endswith("Z")
    assert same_health == health
    names = {"usagePercent": "usage_percent", "bytesSent": "bytes_sent", "bytesReceived": "bytes_recv"}
    for part, values in same_metrics.items():
        assert {names.get(name, name): value for name, value in values.items()} == metrics[part]
