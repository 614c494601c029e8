"""The configure step: creates files, sets ports, carries over the user's files, and writes nothing outside the tree."""

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bots.catalogue import SHIPPED, Catalogue
from bots.deploying import configure
from bots.deploying.plan import Source
from bots.deploying.worker_context import WorkerContext
from bots.recipe import ConfigFileSpec, Login, Value, ValueFromFile
from mailauncher.errors import DeploymentFailed, LauncherError
from tests.bots.deploying.conftest import Prepare
from tests.support.deployable import SAMPLE
from tests.support.git import released
from tests.support.plans import ADAPTER_FILE, BOT_FILE, CONSENT, ENV_FILE, PORTS, Deployment, component


@pytest.fixture
def configured(tmp_path: Path, prepare: Prepare) -> Any:
    """Runs the step on a tree with the given files; returns the tree."""

    def run(files: dict[str, str], *config: ConfigFileSpec, **plan: Any) -> Path:
        work = prepare(Deployment(tmp_path, component(config=config), **plan))
        return _configured(work, files)

    return run


def _configured(work: WorkerContext, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (work.staging.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (work.staging.tree / name).write_text(content, "utf-8")
    work.staging.tree.mkdir(exist_ok=True)
    configure.configure(work)
    return work.staging.tree


def template(name: str) -> dict[str, str]:
    return {f"template/{name}": (SAMPLE / "template" / name).read_text("utf-8")}


# A clone


def test_a_clone_of_napcat_has_no_account(tmp_path: Path, prepare: Prepare) -> None:
    """The files of an account had the ports of the original."""
    main = msgspec.structs.replace(component(), login=Login("config/onebot11_*.json", "ACCOUNT"))
    files = {"config/onebot11_10001.json": "{}", "config/onebot11.json": "{}"}
    tree = _configured(prepare(Deployment(tmp_path, main, kind="clone")), files)
    assert [file.name for file in (tree / "config").iterdir()] == ["onebot11.json"]
    outside = tmp_path / "outside"
    (tree / "config").rename(outside)
    (outside / "onebot11_10001.json").touch()
    (tree / "config").symlink_to(outside)
    with pytest.raises(DeploymentFailed):
        _configured(prepare(Deployment(tmp_path, main, kind="clone")), {})
    assert (outside / "onebot11_10001.json").exists()


# Files


def test_a_missing_file_is_created_from_its_template_with_ports(configured: Any) -> None:
    tree = configured(template("template.env") | template("bot_config_template.toml"), ENV_FILE, BOT_FILE)
    env = (tree / ".env").read_text("utf-8")
    assert f"PORT={PORTS['main']}\n" in env
    assert f"WEBUI_PORT={PORTS['webui']}\n" in env
    assert "# 消息服务监听的地址和端口" in env
    assert (tree / "config/bot_config.toml").read_text("utf-8") == template("bot_config_template.toml")[
        "template/bot_config_template.toml"
    ]


def test_an_existing_file_keeps_other_values(configured: Any) -> None:
    tree = configured({".env": "MINE=1\nPORT=8000 # old\n"} | template("template.env"), ENV_FILE)
    assert (tree / ".env").read_text() == f"MINE=1\nPORT={PORTS['main']} # old\nWEBUI_PORT={PORTS['webui']}\n"


def test_writing_twice_changes_nothing(configured: Any) -> None:
    tree = configured(template("template.env"), ENV_FILE)
    before = (tree / ".env").stat()
    configured({}, ENV_FILE)
    assert (tree / ".env").stat().st_ino == before.st_ino


def test_json_content_is_created_with_ports_in_texts(configured: Any) -> None:
    content = '{"network": {"websocketClients": []}, "port": 0}'
    wanted = ConfigFileSpec(
        name="onebot",
        path="config/onebot11.json",
        content=content,
        set={
            "network.websocketClients.0.url": "ws://127.0.0.1:{nonebot-ada}",
            "network.websocketClients.0.enable": True,
            "port": "{main}",
        },
    )
    tree = configured({}, wanted)
    assert json.loads((tree / "config/onebot11.json").read_text()) == {
        "network": {"websocketClients": [{"url": f"ws://127.0.0.1:{PORTS['nonebot-ada']}", "enable": True}]},
        "port": PORTS["main"],
    }


def test_napcat_listens_after_an_upgrade_to_1x_for_accounts_that_are_there_too(configured: Any) -> None:
    """The file for new accounts got a server of which only the port was set, which is not enabled, and those of accounts that
    had logged in before kept the former direction: nothing reached the bot any more."""
    (onebot,) = (s for s in Catalogue(SHIPPED).get("napcat").of("1.2.1").config if s.name == "onebot")
    old = '{"network": {"websocketServers": [], "websocketClients": [{"name": "mine"}]}, "musicSignUrl": ""}'
    own = '{"network": {"websocketServers": [{"enable": false, "port": 1, "token": "t"}]}}'
    files = {"config/onebot11.json": old, "config/onebot11_10001.json": old, "config/onebot11_2.json": own}
    tree = configured(files, onebot, ports=PORTS | {"napcat.ws": 3001})
    for name in ("onebot11.json", "onebot11_10001.json"):
        found = json.loads((tree / "config" / name).read_text())
        (server,) = found["network"]["websocketServers"]
        assert (server["enable"], server["port"]) == (True, 3001)
        assert found["network"]["websocketClients"] == [{"name": "mine"}]
    (server,) = json.loads((tree / "config/onebot11_2.json").read_text())["network"]["websocketServers"]
    assert server == {"enable": False, "port": 3001, "token": "t"}


def test_a_version_is_taken_from_another_file_of_the_tree_for_a_new_file_only(configured: Any) -> None:
    wanted = ConfigFileSpec(
        name="bot",
        path="config/bot_config.toml",
        content="[webui]\nport = {webui}\n",
        found={"inner.version": ValueFromFile("src/config.py", r'^CONFIG_VERSION = "([^"]+)"')},
    )
    source = {"src/config.py": '# x\nCONFIG_VERSION = "8.14.37"\n'}
    tree = configured(source, wanted)
    assert tomllib.loads((tree / "config/bot_config.toml").read_text()) == {
        "inner": {"version": "8.14.37"},
        "webui": {"port": PORTS["webui"]},
    }
    (tree / "config/bot_config.toml").write_text('[inner]\nversion = "8.0.0"\n')
    configured({}, wanted)
    assert '"8.0.0"' in (tree / "config/bot_config.toml").read_text()


@pytest.mark.parametrize("source", [{}, {"src/config.py": "nothing of the kind"}])
def test_a_version_that_is_not_found_is_reported(configured: Any, source: dict[str, str]) -> None:
    wanted = ConfigFileSpec(
        name="bot", path="b.toml", content="x=1", found={"v": ValueFromFile("src/config.py", "V=(.)")}
    )
    with pytest.raises(DeploymentFailed, match=r"b\.toml of main.*src/config\.py"):
        configured(source, wanted)


def test_a_missing_template_is_noted_and_the_program_creates_the_file(
    configured: Any, tmp_path: Path
) -> None:
    tree = configured({}, ENV_FILE)
    assert not (tree / ".env").exists()
    assert "template/template.env" in (tmp_path / "output").read_text()


def test_an_invalid_file_of_the_user_is_named_and_not_changed(configured: Any) -> None:
    wanted = ConfigFileSpec(name="bot", path="b.toml", set={"port": "{main}"})
    with pytest.raises(LauncherError, match=r"b\.toml of main"):
        configured({"b.toml": "port = = 1"}, wanted)


def test_a_file_of_an_unknown_format_is_refused(configured: Any) -> None:
    with pytest.raises(DeploymentFailed, match="not a TOML, JSON or"):
        configured({}, ConfigFileSpec(name="bot", path="b.yaml", content="x"))


@pytest.mark.parametrize(
    "value, typed, result",
    [
        ("{main}", True, 18100),
        ("{main}", False, "18100"),
        ("http://a:{webui}/{main}", True, "http://a:18101/18100"),
        ("{nobody}", True, "{nobody}"),
        ('{"a": {main}}', True, '{"a": 18100}'),
        (True, True, True),
        (True, False, "true"),
        (5, False, "5"),
        (["{main}", "x"], True, ["18100", "x"]),
        (["{main}", "x"], False, "18100,x"),
    ],
)
def test_placeholders_stand_for_ports(value: Value, typed: bool, result: Value) -> None:
    assert configure.with_ports(value, PORTS, typed=typed) == result


def test_each_component_has_its_files_in_its_own_folder(tmp_path: Path, prepare: Prepare) -> None:
    service = component(name="nonebot-ada", place="nonebot-ada", config=(ADAPTER_FILE,))
    work = prepare(Deployment(tmp_path, component(), service))
    text = (SAMPLE / "nonebot-ada" / "config.toml").read_text("utf-8")
    tree = _configured(work, {"nonebot-ada/config.toml": text})
    written = tomllib.loads((tree / "nonebot-ada/config.toml").read_text("utf-8"))
    assert written["maibot_server"]["port"] == PORTS["main"]
    assert written["napcat_server"]["port"] == PORTS["nonebot-ada"]


# Consent


def test_consent_is_recorded_only_where_it_was_given(configured: Any) -> None:
    texts = {"EULA.md": "licence", "PRIVACY.md": "privacy"}
    tree = configured(texts)
    assert not (tree / "eula.confirmed").exists()
    configured({}, consent=CONSENT)
    assert len((tree / "eula.confirmed").read_text()) == 32
    assert len((tree / "privacy.confirmed").read_text()) == 32


# Strangers


@pytest.mark.parametrize(
    "link, to",
    [("config", "{out}"), ("config/bot_config.toml", "{out}/x"), ("template", "{out}"), ("config", "config")],
)
def test_nothing_is_written_or_read_through_a_link_out_of_the_tree(
    configured: Any, tmp_path: Path, link: str, to: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "bot_config_template.toml").write_text("secret = 1")
    tree = configured({})
    (tree / link).parent.mkdir(parents=True, exist_ok=True)
    (tree / link).symlink_to(to.format(out=outside))
    with pytest.raises(DeploymentFailed):
        configured({}, BOT_FILE)
    assert [entry.name for entry in outside.iterdir()] == ["bot_config_template.toml"]


def test_an_env_that_is_a_link_out_of_the_tree_is_refused(configured: Any, tmp_path: Path) -> None:
    tree = configured(template("template.env"))
    (tree / ".env").symlink_to("../../x")
    with pytest.raises(DeploymentFailed):
        configured({}, ENV_FILE)
    assert not list(tmp_path.rglob("x"))


def test_a_record_of_consent_that_is_a_link_is_replaced(configured: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    tree = configured({"EULA.md": "licence"})
    (tree / "eula.confirmed").symlink_to(outside)
    configured({}, consent=CONSENT)
    assert outside.read_text() == "mine"
    assert not (tree / "eula.confirmed").is_symlink()


# Upgrades


def test_an_upgrade_carries_the_users_files_over(tmp_path: Path, prepare: Prepare) -> None:
    deployment = Deployment(
        tmp_path,
        component(config=(ENV_FILE,)),
        kind="upgrade",
        former=str(tmp_path / "bots" / ".former"),
        keep=(".env", "config/*.toml", "data", "*.confirmed"),
        consent=CONSENT,
    )
    old = deployment.target
    for name in (
        ".env",
        "config/bot_config.toml",
        "data/emoji/a.png",
        "data/logs/y",
        "eula.confirmed",
        "bot.py",
        "logs/x",
    ):
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text(f"OLD={name}\n")
    work = prepare(deployment)
    tree = _configured(work, {"bot.py": "new", "EULA.md": "new text", "data/emoji/b.png": "new"})
    assert (tree / "bot.py").read_text() == "new"
    assert (tree / "config/bot_config.toml").read_text() == "OLD=config/bot_config.toml\n"
    assert sorted(entry.name for entry in (tree / "data/emoji").iterdir()) == ["a.png", "b.png"]
    assert (tree / ".env").read_text().splitlines()[0] == "OLD=.env"
    assert f"PORT={PORTS['main']}" in (tree / ".env").read_text()
    assert len((tree / "eula.confirmed").read_text()) == 32
    assert not (tree / "logs").exists()
    assert (tree / "data/logs/y").exists()
    assert (old / ".env").read_text() == "OLD=.env\n"


def test_unchanged_files_of_the_old_version_are_not_carried_over(tmp_path: Path, prepare: Prepare) -> None:
    """`plugins` contains the user's own files and some of the bot."""
    deployment = Deployment(
        tmp_path, component(), kind="upgrade", former=str(tmp_path / "former"), keep=("plugins",)
    )
    tracked = {"plugins/hello.py": "old", "plugins/changed.py": "old", "plugins/dropped.py": "old"}
    released(deployment.target, tags={"1": tracked})
    (deployment.target / "plugins/changed.py").write_text("mine")
    (deployment.target / "plugins/mine.py").write_text("mine")
    tree = _configured(prepare(deployment), {"plugins/hello.py": "new", "plugins/changed.py": "new"})
    assert {path.name: path.read_text() for path in (tree / "plugins").iterdir()} == {
        "hello.py": "new",
        "changed.py": "mine",
        "dropped.py": "old",
        "mine.py": "mine",
    }


def test_a_newly_installed_service_keeps_the_users_files(tmp_path: Path, prepare: Prepare) -> None:
    wanted = ConfigFileSpec(name="it", path="config.toml", set={"port": "{main}"})
    service = component(name="adapter", place="plugins/adapter", hosted=True, config=(wanted,))
    service = msgspec.structs.replace(service, keep=("data",))
    deployment = Deployment(
        tmp_path, component(), service, kind="upgrade", former=str(tmp_path / "former"), keep=("plugins",)
    )
    old = deployment.target / "plugins/adapter"
    old.mkdir(parents=True)
    (old / "config.toml").write_text("mine = true\nport = 1\n")
    (old / "plugin.py").write_text("old")
    (old / "data").mkdir()
    (old / "data/memory").write_text("precious")
    tree = _configured(prepare(deployment), {"plugins/adapter/plugin.py": "new"})
    assert (tree / "plugins/adapter/plugin.py").read_text() == "new"
    assert (tree / "plugins/adapter/data/memory").read_text() == "precious"
    text = (tree / "plugins/adapter/config.toml").read_text()
    assert text == f"mine = true\nport = {PORTS['main']}\n"


def test_the_copy_of_a_carried_over_service_is_updated_once_nothing_runs(
    tmp_path: Path, prepare: Prepare
) -> None:
    deployment = Deployment(tmp_path, component(), kind="upgrade", former=str(tmp_path / "former"))
    old = deployment.target / "napcat"
    service = component(Source(folder=str(old)), name="napcat", place="napcat")
    deployment.change(components=(component(), service))
    old.mkdir(parents=True)
    (old / "session").write_text("later")
    tree = _configured(prepare(deployment), {"napcat/session": "early!"})
    assert (tree / "napcat/session").read_text() == "later"
