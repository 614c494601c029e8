"""Environments are made with a Python that fits, and only what the plan allows says where packages come from."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailauncher.bots.deploying import python
from mailauncher.bots.deploying.plan import Component
from mailauncher.bots.deploying.report import StepFailed
from mailauncher.bots.deploying.work import Work
from mailauncher.errors import Code, DeploymentFailed
from tests.bots.deploying.conftest import Prepare
from tests.support.context import free_port
from tests.support.plans import Deployment, component

HERE = f"=={sys.version_info.major}.{sys.version_info.minor}.*"
PINNED = f"""
[project]
name = "bot"
version = "1"
requires-python = ">=3.10"
dependencies = ["colorama"]
[[tool.uv.index]]
url = "http://127.0.0.1:{free_port()}/simple"
default = true
"""
LOCK = """
version = 1
revision = 3
requires-python = ">=3.10"
[[package]]
name = "bot"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "colorama" }]
[package.metadata]
requires-dist = [{ name = "colorama" }]
[[package]]
name = "colorama"
version = "0.4.5"
source = { registry = "http://127.0.0.1:9/simple" }
"""


class Environment:
    """A deployment of files that are there already."""

    def __init__(self, work: Work, main: Component) -> None:
        self.work = work
        self.main = main
        self.shares: list[float] = []
        self.tree = work.staging.tree

    def install(self) -> None:
        python.create(self.work, self.main, self.shares.append)
        python.install(self.work, self.main, self.shares.append)

    def failed(self) -> StepFailed:
        with pytest.raises(StepFailed) as failed:
            self.install()
        return failed.value

    def ask(self, code: str) -> str:
        """What the environment's Python prints."""
        done = subprocess.run(
            [self.tree / ".venv" / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @property
    def colorama(self) -> str:
        return self.ask("import colorama; print(colorama.__version__)")


@pytest.fixture
def make(tmp_path: Path, prepare: Prepare) -> Any:
    def made(
        files: dict[str, str | bytes], plan: dict[str, Any] | None = None, **install: Any
    ) -> Environment:
        main = component(**{"python": HERE} | install)
        work = prepare(Deployment(tmp_path, main, **plan or {}))
        work.staging.tree.mkdir()
        for name, content in files.items():
            (work.staging.tree / name).write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )
        return Environment(work, main)

    return made


# Which Python


@pytest.mark.slow
def test_an_environment_has_a_python_that_fits_and_can_be_moved(make: Any) -> None:
    made: Environment = make({})
    python.create(made.work, made.main, made.shares.append)
    moved = made.tree.rename(made.tree.with_name("moved"))
    made.tree = moved
    assert made.ask("import sys; print('==%d.%d.*' % sys.version_info[:2])") == HERE
    assert made.ask("import sys; print(sys.prefix)") == str(moved / ".venv")


@pytest.mark.slow
def test_an_environment_that_is_there_is_made_anew(make: Any, tmp_path: Path) -> None:
    made: Environment = make({})
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (made.tree / ".venv").symlink_to(precious)
    python.create(made.work, made.main, made.shares.append)
    assert (precious / "file").exists()
    (made.tree / ".venv" / "rest").touch()
    python.create(made.work, made.main, made.shares.append)
    assert not (made.tree / ".venv" / "rest").exists()


@pytest.mark.slow
def test_a_python_that_nobody_has_is_named_with_those_that_are_there(make: Any) -> None:
    failed = make({}, python=">=3.99").failed()
    assert failed.error.code is Code.DEPLOYMENT_FAILED
    for text in failed.error.text:
        assert ">=3.99" in text
        assert ".".join(map(str, sys.version_info[:3])) in text


@pytest.mark.slow
def test_a_python_that_cannot_be_downloaded_is_a_failed_download(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    # One that uv knows of and no machine has: the oldest that it can download.
    failed = make({}, {"python_downloads": True}, python="==3.8.3").failed()
    assert failed.error.code is Code.DOWNLOAD_FAILED
    assert failed.lines


# What is installed


@pytest.mark.slow
def test_requirements_and_the_recipes_packages_are_installed(make: Any) -> None:
    made: Environment = make({"r.txt": "colorama==0.4.6\n"}, requirements="r.txt", packages=("toml==0.10.2",))
    made.install()
    assert made.colorama == "0.4.6"
    assert made.ask("import toml; print(toml.__version__)") == "0.10.2"
    assert python.installed(made.work, made.main)
    assert max(made.shares) == 1.0


@pytest.mark.slow
def test_the_lock_is_used_where_it_is_usable_and_never_its_addresses(make: Any) -> None:
    files = {"pyproject.toml": PINNED, "uv.lock": LOCK, "requirements.txt": "colorama==0.4.6\n"}
    made: Environment = make(files, lock=True, requirements="requirements.txt")
    made.install()
    assert made.colorama == "0.4.5"
    assert (made.tree / "uv.lock").read_text() == LOCK


@pytest.mark.slow
def test_a_lock_that_cannot_be_read_is_left_for_the_requirements(make: Any) -> None:
    files = {"pyproject.toml": PINNED, "uv.lock": "nonsense", "requirements.txt": "colorama==0.4.6\n"}
    made: Environment = make(files, lock=True, requirements="requirements.txt")
    made.install()
    assert made.colorama == "0.4.6"


@pytest.mark.slow
def test_requirements_in_utf_16_that_pin_an_index_are_read_without_it(make: Any) -> None:
    text = f"\ufeff-i http://127.0.0.1:{free_port()}/simple\r\ncolorama==0.4.6\r\n".encode("utf-16-le")
    made: Environment = make(
        {"pyproject.toml": PINNED, "requirements.txt": text}, requirements="requirements.txt"
    )
    made.install()
    assert made.colorama == "0.4.6"


@pytest.mark.slow
def test_the_index_of_the_project_is_used_when_the_plan_says_so(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    files = {"pyproject.toml": PINNED, "requirements.txt": "colorama==0.4.6\n"}
    failed = make(files, {"index_url": "project"}, requirements="requirements.txt").failed()
    assert failed.error.code is Code.DOWNLOAD_FAILED
    assert "127.0.0.1" in "".join(failed.lines)


@pytest.mark.slow
def test_an_index_of_the_plan_is_asked_and_its_password_shown_nowhere(
    make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    port = free_port()
    made: Environment = make(
        {"requirements.txt": "colorama\n"},
        {"index_url": f"http://me:s3cret-word@127.0.0.1:{port}/simple"},
        requirements="requirements.txt",
    )
    failed = made.failed()
    assert failed.error.code is Code.DOWNLOAD_FAILED
    shown = (tmp_path / "output").read_text() + str(failed.lines) + str(failed.error.text)
    assert f"127.0.0.1:{port}" in shown
    assert "s3cret-word" not in shown


@pytest.mark.slow
def test_a_package_that_is_nowhere_fails_with_what_uv_says(make: Any) -> None:
    failed = make({}, packages=("colorama==999",)).failed()
    assert failed.error.code is Code.DEPLOYMENT_FAILED
    assert "colorama==999" in "".join(failed.lines)
    assert "No solution" in failed.error.text.zh


def test_a_uv_that_is_killed_is_a_failure_that_says_so(make: Any, tmp_path: Path) -> None:
    killed = tmp_path / "uv"
    killed.write_text('#!/bin/sh\nif [ "$1" = python ]; then echo /bin/true; else kill -KILL $$; fi\n')
    killed.chmod(0o755)
    failed = make({}, {"uv": str(killed)}, packages=("colorama",)).failed()
    assert failed.error.code is Code.DEPLOYMENT_FAILED
    assert "SIGKILL" in failed.error.text.zh
    assert "SIGKILL" in failed.error.text.en


@pytest.mark.slow
def test_an_interrupted_installation_does_not_count(make: Any) -> None:
    made: Environment = make({}, packages=("colorama",))
    python.create(made.work, made.main, made.shares.append)
    assert not python.installed(made.work, made.main)


def test_without_a_python_there_is_no_environment(make: Any) -> None:
    made: Environment = make({}, python="")
    made.install()
    assert list(made.tree.iterdir()) == []
    assert python.installed(made.work, made.main)


@pytest.mark.slow
def test_the_packages_of_a_hosted_service_go_to_the_main_programs_environment(
    tmp_path: Path, prepare: Prepare
) -> None:
    main = component(python=HERE)
    plugin = component(name="plugin", place="plugins/it", hosted=True, packages=("colorama==0.4.6",))
    work = prepare(Deployment(tmp_path, main, plugin))
    (work.staging.tree / "plugins" / "it").mkdir(parents=True)
    made = Environment(work, main)
    made.install()
    python.create(work, plugin, made.shares.append)
    python.install(work, plugin, made.shares.append)
    assert made.colorama == "0.4.6"


@pytest.mark.parametrize("name", ["requirements.txt", "uv.lock"])
@pytest.mark.slow
def test_a_link_out_of_the_tree_is_not_read(make: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("a secret of the user's\n")
    made: Environment = make({}, lock=True, requirements="requirements.txt")
    (made.tree / name).symlink_to(tmp_path / "secret")
    with pytest.raises(DeploymentFailed):
        made.install()
    assert "a secret" not in (tmp_path / "output").read_text()


def test_uv_is_told_nothing_of_our_own_environment(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIRTUAL_ENV", "UV_PYTHON", "PYTHONPATH", "MAILAUNCHER_TOKEN"):
        monkeypatch.setenv(name, os.devnull)
    env = python._environment(make({}).work)
    assert not {"VIRTUAL_ENV", "UV_PYTHON", "PYTHONPATH", "MAILAUNCHER_TOKEN"} & env.keys()
    assert "PATH" in env


@pytest.mark.parametrize(
    "line, share",
    [
        ("Using Python 3.11.7 environment at: x", 0.0),
        ("Resolved 45 packages in 249ms", 0.15),
        ("⠙ Preparing packages... (10/20)  numpy ---- 1 MiB/16 MiB", 0.5),
        ("Preparing packages... (0/0)", 0.0),
        ("Prepared 20 packages in 3s", 0.85),
        ("░░░░ [0/0] Installing wheels...", 0.0),
        ("████ [10/20] numpy==2.4.6", 0.925),
        ("Installed 20 packages in 2ms", 1.0),
    ],
)
def test_uvs_lines_tell_how_far_it_is(line: str, share: float) -> None:
    assert python._progress(line) == pytest.approx(share)
