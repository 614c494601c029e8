"""Recipes: how one kind of bot or service is recognised, installed, configured, run and stopped.

Families describe the differences between versions: `Recipe.of(version)` is the recipe for one version.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bots import release, run_command
from mailauncher import expressions
from mailauncher.errors import Text
from mailauncher.launch import DEFAULT_STOP, LoginSigns, StopStep

Port = Annotated[int, Meta(ge=0, le=65535)]
PortRole = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Commands = tuple[Annotated[tuple[str, ...], Meta(min_length=1)], ...]


class BilingualText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str

    @property
    def text(self) -> Text:
        return Text(self.zh, self.en)


class ReadyCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`port`: the program accepts connections on its own port; `line`: a line of its output matches this regular expression."""

    port: bool = False
    line: str = ""
    within_s: Annotated[float, Meta(gt=0, le=3600)] = 120.0

    def __post_init__(self) -> None:
        expressions.require_valid(self.line, "ready.line")


class ValueFromFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that is taken from another file: the first group of `pattern` in `file`, a path in the same tree."""

    file: str
    pattern: str

    def __post_init__(self) -> None:
        require_relative(self.file)
        expressions.require_group(self.pattern, self.file)


Value = str | int | bool | list[str]


class CarriedValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of the user's that an upgrade takes over from the file of the same name of the former version. `path` is its
    dotted path there, empty for the same; `text` turns numbers into texts."""

    path: str = ""
    text: bool = False


class ConfigFileSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configuration file: TOML, JSON or `.env`, according to its name.

    A missing file is created from `template`, else from `content` (neither: it is not created). Then the values of `set`
    and `found` are written, by dotted path (`maim_message.ws_server_port`, `network.websocketClients.0.url`); a table or
    list element of `set` that an existing file lacks comes from `content` whole. In texts, `{main}`, `{webui}`,
    `{napcat.ws}` and the like stand for ports (`Recipe.ports`). A text that is a single placeholder becomes a number, except
    in `.env`.

    A `*` in place of one folder in `path` stands for each folder that has such a file, `plugins/*/config.toml` for
    `plugin.NAME`. Such files are listed and edited, but never created.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """Its name for clients: `bot`, `env`, `model`..."""
    path: str
    also: str = ""
    """A glob pattern of further files of its kind, which get the same values where they exist."""
    template: str = ""
    content: str = ""
    set: dict[str, Value] = {}
    found: dict[str, ValueFromFile] = {}
    fixed: tuple[str, ...] = ()
    """Dotted paths of values that the program itself maintains, such as the version of the file's layout: nobody sets them."""
    carry: dict[str, CarriedValue] = {}
    """For a service that another version has elsewhere: what an upgrade writes into a new file, by dotted path."""
    restart: bool = True
    """Whether a change takes effect only after a restart."""

    def __post_init__(self) -> None:
        require_relative(self.path)
        if self.template:
            require_relative(self.template)
        if "*" in self.path:
            require_one_star(self)

    @property
    def is_pattern(self) -> bool:
        """Whether `path` has a `*` for the name of a folder, and so stands for any number of files, which the program makes."""
        return "*" in self.path


class Archive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file to download and extract. `urls` in order of preference; `sha256` empty: not verified beyond the transport.

    `to` is a folder inside the component's; `strip` is the number of leading folders to drop from each name in the archive.
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
            require_relative(self.to)


class HostRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a service's manifest, a JSON file, names the versions of the bot that it is for: dotted paths of both bounds."""

    file: str
    least: str
    most: str

    def __post_init__(self) -> None:
        require_relative(self.file)


class WebPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web page of a program, on this machine: `port` is a placeholder, `path` where the page begins. `health` is the path
    of a JSON answer with `"status": "healthy"`; empty: there is none. `token` is the dotted name of its password in
    `token_file`, a JSON file in the program's folder; empty: it has none."""

    port: str
    path: str = "/"
    health: str = ""
    token_file: str = ""
    token: str = ""
    versions: str = ""
    """The versions of the bot that have it; empty: all."""

    def __post_init__(self) -> None:
        release.is_within("0", self.versions)
        if self.token_file:
            require_relative(self.token_file)


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a program logs in again by itself with the account that it had. `files` is a pattern with one `*`, which stands for
    the account in the name of a file that the program makes at that account's first login; `env` is the variable that names the
    account at each start. With files of several accounts, none is chosen; a clone gets none. `signs` tell that a person has to
    log it in."""

    files: str
    env: str
    signs: LoginSigns | None = None

    def __post_init__(self) -> None:
        require_relative(self.files)
        if self.signs is not None:
            expressions.require_valid(self.signs.asks, "login.signs.asks")
            expressions.require_valid(self.signs.done, "login.signs.done")
        if self.files.count("*") != 1 or "*" not in PurePosixPath(self.files).name:
            raise ValueError(f"login.files: {self.files!r} must have one *, in the name of the file")


class Install(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a component is installed: from a git repository, archives, or a folder that comes with this program."""

    git: tuple[str, ...] = ()
    """Repositories in order of preference: the first is the source, the others are mirrors."""
    ref: str = ""
    """A fixed tag or branch; empty: the requested version (a bot), the newest stable one (a service)."""
    fits: HostRange | None = None
    """For a service with a branch as `ref`: installs the newest commit whose manifest fits the bot; none: not installed."""
    bundled: str = ""
    """A folder next to this module, such as `sample`."""
    archives: tuple[Archive, ...] = ()
    place: str = ""
    """A service's folder inside the instance's folder; empty: the service's name."""
    hosted: bool = False
    """Whether the main program runs it, so that it has no process, port or terminal of its own."""
    python: str = ""
    """The range of Pythons with which it runs, such as `>=3.10, <3.14`; empty: it gets no environment of its own."""
    lock: bool = False
    """Whether the project's `uv.lock` is usable; otherwise `requirements` is installed."""
    requirements: str = ""
    packages: tuple[str, ...] = ()
    """Required packages that its files do not list."""
    upgrade_env: dict[str, str] = {}
    """Environment of the first start after an upgrade from an earlier family, with ports as in `Recipe.env`."""
    space_mb: Annotated[int, Meta(ge=0)] = 100
    """Disk space that the installation needs, in MiB."""
    patches: tuple[ConfigFileSpec, ...] = ()
    """Files of the program itself that are created or changed before it runs; they are not settings."""
    todo: BilingualText | None = None
    """What the user must still do."""
    upgrade_todo: BilingualText | None = None
    """What the user must still do after an upgrade from an earlier family, with ports as in `Recipe.env`."""
    copied: BilingualText | None = None
    """What a clone shares with its original, and what to do about it; it may contain placeholders for ports."""
    impossible: BilingualText | None = None
    """Why it cannot be installed; None if it can."""

    def __post_init__(self) -> None:
        for path in (self.place, self.requirements, self.bundled):
            if path:
                require_relative(path)
        release.is_within("0", self.python)


class VersionFamily(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences for a range of versions. Fields that are not given are those of the recipe; `env`, `ports` and
    `install` add to the recipe's.

    The range is about versions of the bot, also in a service's recipe: the bot determines which adapter fits.
    """

    versions: str = ""
    run: Commands | None = None
    needs: tuple[str, ...] | None = None
    port: Port | None = None
    ports: dict[PortRole, Port] = {}
    env: dict[str, str] = {}
    stop: tuple[StopStep, ...] | None = None
    ready: ReadyCheck | None = None
    web: WebPage | None = None
    login: Login | None = None
    install: Install | None = None
    config: tuple[ConfigFileSpec, ...] | None = None
    consent: dict[str, str] | None = None
    keep: tuple[str, ...] | None = None
    data: Literal["maibot-0.7", "maibot-1"] | None = None

    def __post_init__(self) -> None:
        release.is_within("0", self.versions)
        require_no_shell(self.run or ())


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of bot or service is recognised, installed, run and stopped.

    `run` lists commands in order of preference. The first one is used whose file (the first word with a dot or slash that is
    not a placeholder) exists in the folder, or which has no file. `{python}` is the folder's own interpreter, else the
    server's. In `env`, `{main}`, `{webui}` and the like stand for ports, as in `ConfigFileSpec`.
    """

    name: Annotated[str, Meta(pattern=r"^(?!(?:main|deploy)$)[a-z0-9][a-z0-9.-]{0,63}$")]
    kind: Literal["bot", "service"]
    title: BilingualText
    description: BilingualText
    run: Commands
    detect: tuple[str, ...] = ()
    """Files that identify a folder of this kind: all must exist for a bot, one for a service."""
    folders: tuple[str, ...] = ()
    """Names that a service's folder may have inside an instance's folder."""
    terminals: tuple[str, ...] = ()
    """Other names of the service's terminal."""
    needs: tuple[str, ...] = ()
    """What must run before it: `main` or other services."""
    port: Port = 0
    """Its default port; 0 if it does not listen."""
    ports: dict[PortRole, Port] = {}
    """Its other ports by role, with their defaults. Placeholders: `{main}` and `{role}` for a bot, `{name}` and `{name.role}`
    for a service."""
    env: dict[str, str] = {}
    stop: tuple[StopStep, ...] = DEFAULT_STOP
    ready: ReadyCheck | None = None
    """How to determine that it is ready; None if that is not possible."""
    web: WebPage | None = None
    login: Login | None = None
    install: Install | None = None
    """How it is installed; None: only an existing installation can be added."""
    config: tuple[ConfigFileSpec, ...] = ()
    consent: dict[str, str] = {}
    """Texts that the user must accept, each with the file in which the bot expects the MD5 of the accepted text."""
    keep: tuple[str, ...] = ()
    """Glob patterns of the user's files and folders: an upgrade carries them over, a backup contains them."""
    data: Literal["", "maibot-0.7", "maibot-1"] = ""
    """Layout of the database with the emojis and persons that the bot knows; empty: no known layout."""
    release: tuple[ValueFromFile, ...] = ()
    """Where its repository names the release of a branch, in order of preference. Empty: a branch counts as the newest."""
    not_loaded: str = ""
    """For a hosted service: a line of the main program's output that says that it was not loaded, with the reason as group."""
    brings: tuple[str, ...] = ()
    """Services that are part of a bot's repository, in folders of their names."""
    families: tuple[VersionFamily, ...] = ()

    def __post_init__(self) -> None:
        for path in (*self.consent, *self.consent.values(), *self.keep):
            require_relative(path)
        if self.not_loaded:
            expressions.require_group(self.not_loaded, "not_loaded")
        require_no_shell(self.run)

    def of(self, version: str) -> "Recipe":
        """The recipe for one version of the bot: with the first family that contains it, else the last (a branch, an unknown
        or a newer version is most similar to the newest)."""
        if not self.families:
            return self
        fitting = (f for f in self.families if f.versions and release.is_within(version, f.versions))
        return self._with(next(fitting, self.families[-1]), version)

    def each(self) -> list["Recipe"]:
        """The recipe for each of its families."""
        return [self._with(family, None) for family in self.families] or [self]

    def _with(self, family: VersionFamily, version: str | None) -> "Recipe":
        given = {
            field: value
            for field in VersionFamily.__struct_fields__
            if field != "versions" and (value := getattr(family, field)) is not None
        }
        given["env"] = self.env | family.env
        given["ports"] = self.ports | family.ports
        given["install"] = _joined(self.install, family.install)
        web = family.web or self.web
        given["web"] = None if web and version and not release.is_within(version, web.versions) else web
        return msgspec.structs.replace(self, families=(), **given)


def _joined(own: Install | None, family: Install | None) -> Install | None:
    """The recipe's fields, replaced by those that the family sets."""
    if own is None or family is None:
        return family or own
    given = {
        field.name: value
        for field in msgspec.structs.fields(Install)
        if (value := getattr(family, field.name)) != field.default
    }
    return msgspec.structs.replace(own, **given)


def require_no_shell(commands: Commands) -> None:
    """Raises ValueError for a command that is too long, or that only a shell could run."""
    for words in commands:
        if found := run_command.problem(words):
            raise ValueError(f"run: {found.en}")


def require_one_star(spec: ConfigFileSpec) -> None:
    """Raises ValueError unless one whole folder of the path is `*`, and nothing is to be written."""
    if [part for part in PurePosixPath(spec.path).parts[:-1] if "*" in part] != [
        "*"
    ] or "*" in spec.path.rpartition("/")[2]:
        raise ValueError(f"{spec.path!r}: a * stands for the whole name of one folder")
    if spec.template or spec.content or spec.set or spec.found:
        raise ValueError(f"{spec.path!r} stands for several files, which are not created")


def require_relative(path: str) -> None:
    """Raises ValueError unless the path is relative and has no `..`."""
    pure = PurePosixPath(path)
    if not path or "\0" in path or "\\" in path or pure.is_absolute() or ".." in pure.parts:
        raise ValueError(f"{path!r} is not a relative path inside a folder")
