"""What a recipe says: how one kind of bot or service is recognised, installed, configured, run and stopped.

What changes from version to version stands in families: `Recipe.of(version)` is the recipe as it is for one version.
"""

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mailauncher.bots import release
from mailauncher.errors import Text
from mailauncher.launch import DEFAULT_STOP, StopStep

Port = Annotated[int, Meta(ge=0, le=65535)]
Role = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Commands = tuple[Annotated[tuple[str, ...], Meta(min_length=1)], ...]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str

    @property
    def text(self) -> Text:
        return Text(self.zh, self.en)


class Ready(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`port`: the program's own port accepts; `line`: its output has a line that matches this regular expression."""

    port: bool = False
    line: str = ""
    within_s: float = 120.0

    def __post_init__(self) -> None:
        try:
            re.compile(self.line)
        except re.error as error:
            raise ValueError(f"ready.line: {error}") from None


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that stands in another file: the first group of `pattern` in `file`, a path in the same tree."""

    file: str
    pattern: str

    def __post_init__(self) -> None:
        require_inside(self.file)
        if re.compile(self.pattern).groups != 1:
            raise ValueError(f"{self.pattern!r} needs exactly one group")


Value = str | int | bool | list[str]


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configuration file: TOML, JSON or `.env`, as its name tells.

    A missing one is made from the first of `template`, `content` that is given (neither: it is not made). Then the values
    of `set` and `found` are written, by dotted path (`maim_message.ws_server_port`, `network.websocketClients.0.url`); in
    texts `{main}`, `{webui}`, `{napcat.ws}` and the like stand for ports (`Recipe.ports`). A text that is nothing but one
    port becomes a number, except in `.env`.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """What clients call it: `bot`, `env`, `model`..."""
    path: str
    template: str = ""
    content: str = ""
    set: dict[str, Value] = {}
    found: dict[str, Found] = {}
    restart: bool = True
    """Whether a change counts only after a restart."""

    def __post_init__(self) -> None:
        require_inside(self.path)
        if self.template:
            require_inside(self.template)


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file to download and unpack. `urls` in order of preference; `sha256` empty: not checked beyond the transport.

    `to` is a folder below the component's; `strip` drops that many leading folders of each name in the archive.
    """

    urls: Annotated[tuple[str, ...], Meta(min_length=1)]
    kind: Literal["zip", "tar", "deb"]
    to: str = ""
    strip: Annotated[int, Meta(ge=0, le=8)] = 0
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    platform: Literal["", "linux", "win32", "darwin"] = ""
    machine: Literal["", "x86_64", "aarch64"] = ""

    def __post_init__(self) -> None:
        if self.to:
            require_inside(self.to)


class Install(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a component gets into its folder: a git repository, or archives, or a folder that comes with this program."""

    git: tuple[str, ...] = ()
    """Repositories in order of preference: the first is the source, the others are its mirrors."""
    ref: str = ""
    """A fixed tag or branch; empty: the version that was asked for (a bot), the newest stable one (a service)."""
    bundled: str = ""
    """A folder beside this module, such as `sample`."""
    archives: tuple[Archive, ...] = ()
    place: str = ""
    """A service's folder inside the instance's; empty: the service's name."""
    hosted: bool = False
    """Whether the main program runs it: it has no process, port or terminal of its own."""
    python: str = ""
    """Which Python it needs, such as `>=3.10`; empty: it gets no environment of its own."""
    lock: bool = False
    """Whether the project's `uv.lock` is usable; without it `requirements` says what to install."""
    requirements: str = ""
    packages: tuple[str, ...] = ()
    """Packages that are needed and that its files leave out."""
    upgrade_env: dict[str, str] = {}
    """Environment of the first start after an upgrade from an earlier family, ports filled in as in `Recipe.env`."""
    space_mb: Annotated[int, Meta(ge=0)] = 100
    """Room on disk that installing it takes, in MiB."""
    patches: tuple[ConfigFile, ...] = ()
    """Files of the program itself that have to be made or changed before it runs: nobody's settings."""
    todo: Words | None = None
    """What is left for the user to do."""
    impossible: Words | None = None
    """Why it cannot be installed; None: it can."""

    def __post_init__(self) -> None:
        for path in (self.place, self.requirements, self.bundled):
            if path:
                require_inside(path)


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs for a range of versions. What is not given is the recipe's own; `env`, `ports`, `install` add to it.

    The range is one of the bot's versions, for a service too: which adapter fits is the bot's matter.
    """

    versions: str = ""
    run: Commands | None = None
    needs: tuple[str, ...] | None = None
    port: Port | None = None
    ports: dict[Role, Port] = {}
    env: dict[str, str] = {}
    stop: tuple[StopStep, ...] | None = None
    ready: Ready | None = None
    install: Install | None = None
    config: tuple[ConfigFile, ...] | None = None
    consent: dict[str, str] | None = None
    keep: tuple[str, ...] | None = None
    data: Literal["maibot-0.7", "maibot-1"] | None = None

    def __post_init__(self) -> None:
        release.within("0", self.versions)


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of bot or service is recognised, run and stopped.

    `run` lists commands in order of preference; the first whose file (the first word with a dot or slash in it that is no
    placeholder) exists in the folder is taken, or that has no file. `{python}` is the folder's own interpreter, else the
    server's. In `env`, `{main}`, `{webui}` and the like stand for ports, as in `ConfigFile`.
    """

    name: Annotated[str, Meta(pattern=r"^(?!(?:main|deploy)$)[a-z0-9][a-z0-9.-]{0,63}$")]
    kind: Literal["bot", "service"]
    title: Words
    description: Words
    run: Commands
    detect: tuple[str, ...] = ()
    """Files of which one must exist for a folder to be of this kind; for a bot, all of them."""
    folders: tuple[str, ...] = ()
    """Names that a service's folder may have inside an instance's."""
    terminals: tuple[str, ...] = ()
    """Further names of the service's terminal."""
    needs: tuple[str, ...] = ()
    """What must run first: `main` or other services."""
    port: Port = 0
    """The port that it listens on by default; 0 when it listens on none."""
    ports: dict[Role, Port] = {}
    """Further ports that it listens on, by role, with their defaults. Placeholders: a bot's are `{main}` and `{role}`, a
    service's `{name}` and `{name.role}`."""
    env: dict[str, str] = {}
    stop: tuple[StopStep, ...] = DEFAULT_STOP
    ready: Ready | None = None
    """How to tell that it works; None: it cannot be told."""
    install: Install | None = None
    """How it is installed; None: it can only be added where it stands already."""
    config: tuple[ConfigFile, ...] = ()
    consent: dict[str, str] = {}
    """Texts that the user must accept, and for each the file in which the bot looks for the MD5 of the accepted text."""
    keep: tuple[str, ...] = ()
    """Files and folders (glob patterns) that are the user's: an upgrade carries them over, a backup holds them."""
    data: Literal["", "maibot-0.7", "maibot-1"] = ""
    """Shape of the database that it keeps what it has learned in; empty: none that is known."""
    brings: tuple[str, ...] = ()
    """Services that stand in a bot's own tree, in a folder of their name, and are not installed from elsewhere."""
    families: tuple[Family, ...] = ()

    def __post_init__(self) -> None:
        for path in (*self.consent, *self.consent.values(), *self.keep):
            require_inside(path)

    def of(self, version: str) -> "Recipe":
        """The recipe for one version of the bot: the first family that has it, else the last (a branch, an unknown or a
        newer version is most like the newest)."""
        if not self.families:
            return self
        fitting = (f for f in self.families if f.versions and release.within(version, f.versions))
        family = next(fitting, self.families[-1])
        given = {
            field: value
            for field in Family.__struct_fields__
            if field != "versions" and (value := getattr(family, field)) is not None
        }
        given["env"] = self.env | family.env
        given["ports"] = self.ports | family.ports
        given["install"] = _joined(self.install, family.install)
        return msgspec.structs.replace(self, families=(), **given)


def _joined(own: Install | None, family: Install | None) -> Install | None:
    """The family's words where it has any, else the recipe's own."""
    if own is None or family is None:
        return family or own
    said = {
        field.name: value
        for field in msgspec.structs.fields(Install)
        if (value := getattr(family, field.name)) != field.default
    }
    return msgspec.structs.replace(own, **said)


def require_inside(path: str) -> None:
    """Raises ValueError unless the path is relative and stays where it begins."""
    pure = PurePosixPath(path)
    if not path or "\0" in path or "\\" in path or pure.is_absolute() or ".." in pure.parts:
        raise ValueError(f"{path!r} is no path inside a folder")
