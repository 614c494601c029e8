"""The worker as a process: it leaves a complete instance or none, whatever happens to it."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import uv

from bots.deploying import journal
from bots.deploying.plan import JOURNAL_FILE, Source
from bots.recipe import ConfigFileSpec, Install
from mailauncher.errors import Code
from tests.support.bind_mount import bind_mount
from tests.support.context import free_port
from tests.support.deployable import sample_repository
from tests.support.git import Repository, serving
from tests.support.plans import (
    ADAPTER_FILE,
    BOT_FILE,
    CONSENT,
    DEADLINE_S,
    ENV_FILE,
    ID,
    PORTS,
    Deployment,
    component,
)
from tests.support.preloaded import ROOT
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.slow

WHOLE = [
    "check begun",
    "check done",
    "fetch begun",
    "fetch done",
    "environment skipped",
    "dependencies skipped",
    "services begun",
    "services done",
    "configure begun",
    "configure done",
    "register begun",
    "register done",
]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return sample_repository(tmp_path / "origin")


@pytest.fixture
def deployment(tmp_path: Path, repository: Repository) -> Deployment:
    """The sample bot from git, and a service from a folder."""
    return Deployment(tmp_path, *sample(repository), consent=CONSENT)


def sample(repository: Repository, *urls: str, ref: str = "0.12.2") -> tuple[Any, Any]:
    commit = repository.git("rev-parse", f"{ref}^{{commit}}")
    main = component(
        Source(git=urls or (repository.url,), ref=ref, commit=commit), config=(ENV_FILE, BOT_FILE)
    )
    adapter = component(
        name="nonebot-ada", place="nonebot-ada", bundled="sample/nonebot-ada", config=(ADAPTER_FILE,)
    )
    return main, adapter


def require_whole(deployment: Deployment) -> None:
    """Requires a complete instance, and nothing beside it."""
    there = deployment.target
    assert (there / "bot.py").exists()
    assert f"PORT={PORTS['main']}" in (there / ".env").read_text("utf-8")
    assert f"port = {PORTS['main']}" in (there / "nonebot-ada/config.toml").read_text("utf-8")
    assert (there / "eula.confirmed").exists()
    assert (there / ".mailauncher-deployed").read_text() == ID
    assert deployment.left == []


def wait_for(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# To the end


def test_a_plan_is_carried_out_step_by_step(deployment: Deployment) -> None:
    status, printed = deployment.run()
    assert status == 0, printed
    assert deployment.kinds == WHOLE
    assert "━━ 获取主程序 · Fetching the bot" in printed
    assert "Receiving objects: 100%" in printed
    require_whole(deployment)
    now = journal.state(deployment.entries)
    assert now.commit == deployment.plan.main.source.commit
    assert now.components["nonebot-ada"].status == "completed"
    assert now.ended is None
    assert set(now.seconds) == {"check", "fetch", "services", "configure", "register"}
    assert not list(deployment.folder.glob("*ballast*"))


def test_a_deployed_bot_starts(deployment: Deployment) -> None:
    port, webui = free_port(), free_port()
    deployment.change(ports=PORTS | {"main": port, "webui": webui})
    assert deployment.run()[0] == 0
    models = deployment.target / "template" / "model_config_template.toml"
    (deployment.target / "config" / "model_config.toml").write_bytes(models.read_bytes())
    with subprocess.Popen(
        [sys.executable, "bot.py"],
        cwd=deployment.target,
        env=os.environ | {"MAIBOT_WORKER_PROCESS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as bot:
        try:
            wait_for(lambda: bot.poll() is not None or _answers(port))
            assert bot.poll() is None
        finally:
            bot.send_signal(signal.SIGINT)
            bot.wait(DEADLINE_S)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_worker_stops_after_the_given_step(deployment: Deployment) -> None:
    assert deployment.run("--until", "services")[0] == 0
    assert deployment.kinds == WHOLE[:8]
    assert not deployment.target.exists()
    assert deployment.run()[0] == 0
    assert deployment.kinds[8:] == [
        "check begun",
        "check done",
        "fetch skipped",
        "environment skipped",
        "dependencies skipped",
        "services begun",
        "services done",
        *WHOLE[8:],
    ]
    require_whole(deployment)


def test_a_finished_plan_is_not_carried_out_again(deployment: Deployment) -> None:
    deployment.run()
    before = (deployment.target / "bot.py").stat()
    assert deployment.run()[0] == 0
    assert (deployment.target / "bot.py").stat() == before
    require_whole(deployment)


def test_progress_rises_from_zero_to_nearly_all(deployment: Deployment) -> None:
    deployment.run()
    entries = deployment.entries
    shown = [journal.progress(entries[:count], {}) for count in range(len(entries) + 1)]
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] < 100


def test_a_real_environment_with_a_real_dependency(tmp_path: Path, repository: Repository) -> None:
    main, _ = sample(repository)
    python = f"=={sys.version_info.major}.{sys.version_info.minor}.*"
    with_python = component(main.source, config=main.config, python=python, packages=("colorama==0.4.6",))
    deployment = Deployment(tmp_path, with_python)
    status, printed = deployment.run()
    assert status == 0, printed
    code = "import colorama, sys; print(colorama.__version__, sys.prefix)"
    done = subprocess.run(
        [deployment.target / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0.4.6", str(deployment.target / ".venv")]
    assert "environment done" in deployment.kinds
    assert "dependencies done" in deployment.kinds


# Killed and run again


def wait_for_lines(deployment: Deployment, process: "subprocess.Popen[bytes]", count: int) -> None:
    """Returns once the journal has that many lines, or the worker has ended."""

    def written() -> int:
        try:
            return (deployment.folder / JOURNAL_FILE).read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    wait_for(lambda: process.poll() is not None or written() >= count)


def kill_after(deployment: Deployment, count: int) -> int:
    """Starts the worker and kills it once the journal has that many lines. Returns its exit status."""
    with deployment.start() as process:
        wait_for_lines(deployment, process, count)
        process.kill()
        process.communicate()
    return process.returncode


def gone(children: list[psutil.Process]) -> bool:
    return all(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in children)


def test_a_worker_killed_after_any_line_of_its_journal_continues(
    tmp_path: Path, repository: Repository
) -> None:
    """Most kills hit in the middle of the work after the line."""
    for line in itertools.count(1):
        home = tmp_path / str(line)
        home.mkdir()
        deployment = Deployment(home, *sample(repository), consent=CONSENT)
        ended = kill_after(deployment, line)
        assert deployment.target.exists() is (deployment.target / ".mailauncher-deployed").exists()
        status, printed = deployment.run()
        assert status == 0, printed
        require_whole(deployment)
        if ended == 0:
            assert line > len(WHOLE)
            break


def test_a_worker_killed_while_cloning_clones_again(deployment: Deployment, repository: Repository) -> None:
    repository.commit({"large": os.urandom(200_000)})
    repository.tag("0.14")
    with serving(repository.folder.parent) as server:
        main, adapter = sample(repository, server.url(repository), ref="0.14")
        deployment.change(components=(main, adapter))
        server.manner = "hang"
        with deployment.start() as process:
            server.wait_for_requests(1)
            children = psutil.Process(process.pid).children(recursive=True)
            assert any(child.name().startswith("git") for child in children)
            process.kill()
        wait_for(lambda: gone(children))
        server.manner = "serve"
        status, printed = deployment.run()
    assert status == 0, printed
    require_whole(deployment)


def test_the_second_of_two_workers_does_nothing(deployment: Deployment, repository: Repository) -> None:
    with serving(repository.folder.parent) as server:
        deployment.change(components=sample(repository, server.url(repository)))
        server.manner = "hang"
        with deployment.start() as first:
            server.wait_for_requests(1)
            before = deployment.entries
            status, printed = deployment.run()
            assert status == 1
            assert "Another process" in printed
            assert deployment.entries == before
            server.manner = "serve"
            assert first.wait(DEADLINE_S) == 0
    require_whole(deployment)


def test_a_command_that_outlives_its_worker_blocks_the_next_worker(tmp_path: Path) -> None:
    """It may still write into the staging folder."""
    stubborn = tmp_path / "uv"
    stubborn.write_text(
        f"#!/bin/sh\ncase $1 in python) echo {sys.executable};; *) trap '' HUP; echo $$ > {tmp_path}/pid.new\n"
        f"mv {tmp_path}/pid.new {tmp_path}/pid; sleep 600;; esac\n"
    )
    stubborn.chmod(0o755)
    main = component(bundled="sample", python=">=3.11", config=(ENV_FILE,))
    deployment = Deployment(tmp_path, main, uv=str(stubborn))
    with deployment.start() as process:
        wait_for((tmp_path / "pid").exists)
        process.kill()
    group = int((tmp_path / "pid").read_text())
    try:
        status, printed = deployment.run()
        assert status == 1
        assert "Another process" in printed
    finally:
        os.killpg(group, signal.SIGKILL)
    deployment.change(uv=uv.find_uv_bin())
    status, printed = deployment.run()
    assert status == 0, printed


# Cancelled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancel_ends_the_command_and_leaves_nothing(
    deployment: Deployment, repository: Repository, number: int
) -> None:
    with serving(repository.folder.parent) as server:
        deployment.change(components=sample(repository, server.url(repository)))
        server.manner = "hang"
        with deployment.start() as process:
            server.wait_for_requests(1)
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number)
            assert process.wait(DEADLINE_S) == 130
        assert gone(children)
    assert deployment.end.kind == "cancelled"
    assert deployment.end.step == "fetch"
    assert not deployment.target.exists()
    assert deployment.left == []


def test_a_cancel_at_any_moment_leaves_all_or_nothing(tmp_path: Path, repository: Repository) -> None:
    outcomes = set()
    for line in range(0, 14, 2):
        home = tmp_path / str(line)
        home.mkdir()
        deployment = Deployment(home, *sample(repository), consent=CONSENT)
        with deployment.start() as process:
            wait_for_lines(deployment, process, max(1, line))
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            status = process.wait(DEADLINE_S)
        outcomes.add(status)
        if status == 0:
            require_whole(deployment)
        else:
            assert status == 130
            assert deployment.end.kind == "cancelled"
            assert not deployment.target.exists()
            assert deployment.left == []
    assert 130 in outcomes


# Failed and retried


def failed(deployment: Deployment, code: Code, step: str) -> str:
    """The English text of the failure."""
    status, printed = deployment.run()
    assert status == 1, printed
    assert (deployment.end.kind, deployment.end.code, deployment.end.step) == ("failed", code, step)
    assert deployment.end.zh
    assert not (deployment.target / ".mailauncher-deployed").exists()
    return deployment.end.en


def test_a_retry_continues_at_the_failed_step(deployment: Deployment) -> None:
    main, adapter = deployment.plan.components
    broken = msgspec.structs.replace(main, config=(ConfigFileSpec(name="x", path="x.unknown", content="x"),))
    deployment.change(components=(broken, adapter))
    failed(deployment, Code.DEPLOYMENT_FAILED, "configure")
    tree = (deployment.staging / "tree").stat().st_ino
    deployment.change(components=(main, adapter))
    assert deployment.run()[0] == 0
    assert deployment.target.stat().st_ino == tree
    assert "fetch skipped" in deployment.kinds
    require_whole(deployment)


@pytest.mark.parametrize("step", ["fetch", "configure"])
def test_a_service_that_fails_is_left_out_and_nothing_of_it_stays(deployment: Deployment, step: str) -> None:
    main, adapter = deployment.plan.components
    wrong = ConfigFileSpec(name="x", path="x.unknown", content="x")
    broken = {
        "fetch": msgspec.structs.replace(
            adapter, source=Source(folder="/nowhere"), install=Install(space_mb=0)
        ),
        "configure": msgspec.structs.replace(adapter, place="services/adapter", config=(wrong,)),
    }
    deployment.change(components=(main, broken[step]))
    status, printed = deployment.run()
    assert status == 0, printed
    ((name, why),) = journal.state(deployment.entries).missing.items()
    assert (name, why.step, why.code) == ("nonebot-ada", step, Code.DEPLOYMENT_FAILED)
    assert why.en in printed
    assert not (deployment.target / "services" / "adapter").exists()
    assert deployment.left == []


def test_dead_sources_are_a_failed_download(deployment: Deployment, repository: Repository) -> None:
    dead = f"http://127.0.0.1:{free_port()}/x"
    deployment.change(components=sample(repository, dead))
    assert "Failed to connect" in failed(deployment, Code.DOWNLOAD_FAILED, "fetch")
    assert any(dead in entry.en for entry in deployment.entries)


def test_a_missing_version_is_reported(deployment: Deployment, repository: Repository) -> None:
    repository.git("tag", "-d", "0.12.2")
    assert "0.12.2" in failed(deployment, Code.VERSION_NOT_FOUND, "fetch")


def test_insufficient_space_is_reported_before_fetching(
    deployment: Deployment, repository: Repository
) -> None:
    main = component(sample(repository)[0].source, space_mb=1 << 40)
    deployment.change(components=(main,))
    assert "MiB" in failed(deployment, Code.INSUFFICIENT_SPACE, "check")


@pytest.mark.parametrize("kib", [60, 250, 400, 600])
def test_a_full_disk_is_reported_and_a_retry_uses_freed_space(
    tmp_path: Path, repository: Repository, kib: int
) -> None:
    """Plan and journal are on the full disk too."""
    repository.commit({"large": os.urandom(300_000)})
    repository.tag("0.14")
    with small_disk(kib) as disk:
        deployment = Deployment(disk, *sample(repository, ref="0.14"))
        status, printed = deployment.run()
        assert status == 1, printed
        assert deployment.end.code is Code.INSUFFICIENT_SPACE
        assert not deployment.target.exists()
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        status, printed = deployment.run()
        assert status == 0, printed
        assert deployment.left == []


def test_an_existing_target_is_not_changed(deployment: Deployment) -> None:
    deployment.target.mkdir(parents=True)
    (deployment.target / "mine").touch()
    failed(deployment, Code.INVALID_PATH, "check")
    assert [entry.name for entry in deployment.target.iterdir()] == ["mine"]


def test_a_target_that_appears_meanwhile_is_not_changed(deployment: Deployment) -> None:
    assert deployment.run("--until", "configure")[0] == 0
    deployment.target.mkdir()
    (deployment.target / "mine").touch()
    failed(deployment, Code.INVALID_PATH, "check")
    (deployment.target / "mine").unlink()
    assert deployment.run()[0] == 0
    require_whole(deployment)


def test_an_unwritable_target_is_an_invalid_path(deployment: Deployment) -> None:
    deployment.target.parent.parent.mkdir(exist_ok=True)
    deployment.target.parent.write_text("a file")
    failed(deployment, Code.INVALID_PATH, "check")


def test_an_option_as_a_ref_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    ref = f"--upload-pack=touch {tmp_path / 'pwned'}"
    (main, adapter) = deployment.plan.components
    deployment.change(components=(component(Source(git=main.source.git, ref=ref)), adapter))
    failed(deployment, Code.DEPLOYMENT_FAILED, "check")
    assert not (tmp_path / "pwned").exists()


def test_a_missing_git_is_reported(deployment: Deployment, tmp_path: Path) -> None:
    status, _ = deployment.run(PATH=str(tmp_path))
    assert status == 1
    assert "git" in deployment.end.en


def test_an_unreadable_plan_is_reported(deployment: Deployment) -> None:
    (deployment.folder / "plan.json").write_text("{")
    status, printed = deployment.run()
    assert status == 1
    assert "plan" in printed
    assert deployment.entries == []


def test_a_repository_with_links_out_of_the_tree_is_refused(
    deployment: Deployment, repository: Repository
) -> None:
    outside = repository.folder.parent / "outside"
    outside.mkdir()
    (repository.folder / "config").symlink_to(outside)
    repository.commit({"two\nlines": "x"})
    repository.tag("0.15")
    deployment.change(components=sample(repository, ref="0.15"))
    assert "config/bot_config.toml" in failed(deployment, Code.DEPLOYMENT_FAILED, "configure")
    assert list(outside.iterdir()) == []
    assert not deployment.target.exists()


# Upgrades and clones


def test_an_upgrade_of_a_folder_with_mounts_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    """The tree that is replaced took the mount along, and could not be removed."""
    deployment.target.mkdir(parents=True)
    (deployment.target / "bot.py").touch()
    (tmp_path / "own").write_text("mounted")
    deployment.change(kind="upgrade", former=f"{deployment.staging}.former")
    with bind_mount(tmp_path / "own", deployment.target / "bot.py"):
        assert "mount of its own" in failed(deployment, Code.INVALID_PATH, "check")
        assert (deployment.target / "bot.py").read_text() == "mounted"


@pytest.fixture
def upgrade(deployment: Deployment, repository: Repository) -> Deployment:
    """An upgrade of a deployed instance with a file of its user."""
    assert deployment.run()[0] == 0
    (deployment.target / "config/bot_config.toml").write_text("mine = true\n")
    (deployment.target / "data").mkdir()
    (deployment.target / "data/memory").write_text("precious")
    deployment.change(
        kind="upgrade",
        components=sample(repository, ref="0.13.0-beta"),
        former=str(deployment.staging) + ".former",
        keep=("config/*.toml", "data", ".env"),
    )
    return deployment


def test_an_upgrade_is_built_beside_the_running_bot_and_can_be_reverted(upgrade: Deployment) -> None:
    assert upgrade.run("--until", "services")[0] == 0
    assert "0.12.2" in (upgrade.target / "pyproject.toml").read_text()
    assert upgrade.run()[0] == 0
    assert "0.13.0-beta" in (upgrade.target / "pyproject.toml").read_text()
    assert (upgrade.target / "config/bot_config.toml").read_text() == "mine = true\n"
    assert (upgrade.target / "data/memory").read_text() == "precious"
    assert upgrade.left == [Path(upgrade.plan.former).name]
    assert upgrade.run()[0] == 0
    (upgrade.target / "data/memory").write_text("of the new version")
    for _ in range(2):
        status, printed = upgrade.run("--revert")
        assert status == 0, printed
        assert "0.12.2" in (upgrade.target / "pyproject.toml").read_text()
        assert (upgrade.target / "data/memory").read_text() == "precious"
        assert upgrade.left == [Path(upgrade.plan.former).name + ".reverted"]


def test_an_upgrade_killed_anywhere_continues(tmp_path: Path, repository: Repository) -> None:
    for line in itertools.count(1, 2):
        home = tmp_path / str(line)
        home.mkdir()
        deployment = Deployment(
            home,
            *sample(repository, ref="0.13.0-beta"),
            kind="upgrade",
            former=str(home / "bots" / ".former"),
            keep=("mine",),
        )
        deployment.target.mkdir(parents=True)
        (deployment.target / "mine").write_text("mine")
        (deployment.target / "old").touch()
        ended = kill_after(deployment, line)
        assert (deployment.target / "mine").read_text() == "mine"
        if line % 4 == 1:
            status, printed = deployment.run("--revert")
            assert status == 0, printed
            assert (deployment.target / "old").exists()
        status, printed = deployment.run()
        assert status == 0, printed
        assert (deployment.target / "bot.py").exists()
        assert (deployment.target / "mine").read_text() == "mine"
        if ended == 0:
            break


def adding(folder: Path, repository: Repository, place: str = "services/adapter") -> Deployment:
    """A service is added to an installed bot."""
    main, adapter = sample(repository)
    adapter = msgspec.structs.replace(adapter, place=place)
    deployment = Deployment(folder, main, adapter, kind="services")
    deployment.target.mkdir(parents=True)
    (deployment.target / "bot.py").write_text("mine")
    return deployment


def test_an_addition_killed_anywhere_continues(tmp_path: Path, repository: Repository) -> None:
    for line in itertools.count(1, 2):
        home = tmp_path / str(line)
        home.mkdir()
        deployment = adding(home, repository)
        ended = kill_after(deployment, line)
        status, printed = deployment.run()
        assert status == 0, printed
        service = deployment.target / "services" / "adapter"
        assert f"port = {PORTS['main']}" in (service / "config.toml").read_text("utf-8")
        assert (deployment.target / "bot.py").read_text() == "mine"
        assert deployment.left == []
        if ended == 0:
            break


def test_an_addition_goes_through_no_link_that_leads_out_of_the_bots_folder(
    tmp_path: Path, repository: Repository
) -> None:
    deployment = adding(tmp_path, repository)
    (tmp_path / "outside").mkdir()
    (deployment.target / "services").symlink_to(tmp_path / "outside")
    assert deployment.run()[0] == 1
    assert (deployment.end.kind, deployment.end.code) == ("failed", Code.INVALID_PATH)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_cancelled_upgrade_leaves_the_old_tree(upgrade: Deployment) -> None:
    assert upgrade.run("--until", "services")[0] == 0
    with upgrade.start("--until", "services") as process:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_S)
    upgrade.run("--revert")
    assert "0.12.2" in (upgrade.target / "pyproject.toml").read_text()
    assert upgrade.left == []


def test_a_clone_has_the_files_of_its_original_and_its_own_ports(
    deployment: Deployment, tmp_path: Path
) -> None:
    assert deployment.run()[0] == 0
    (deployment.target / "data").mkdir()
    (deployment.target / "data/memory").write_text("precious")
    (tmp_path / "clone").mkdir()
    main = component(Source(folder=str(deployment.target)), config=(ENV_FILE,))
    clone = Deployment(
        tmp_path / "clone", main, kind="clone", id="f" * 40, ports={"main": 18200, "webui": 18201}
    )
    status, printed = clone.run()
    assert status == 0, printed
    assert (clone.target / "data/memory").read_text() == "precious"
    assert "PORT=18200\n" in (clone.target / ".env").read_text()
    assert (clone.target / ".mailauncher-deployed").read_text() == "f" * 40
    assert (clone.target / ".git").is_dir()
    assert f"PORT={PORTS['main']}\n" in (deployment.target / ".env").read_text()


# What it needs


def test_a_worker_starts_without_the_servers_libraries() -> None:
    code = (
        "import sys, bots.deploying.__main__\n"
        "print([name for name in ('asyncio', 'tortoise', 'strawberry', 'starlette', 'psutil', 'resolvers', 'terminals')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
