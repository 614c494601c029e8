"""Environments have a fitting Python, and packages come only from the index of the plan."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uv

from bots.deploying import interpreter, journal, python
from bots.deploying.plan import Component
from bots.deploying.report import StepFailed
from bots.deploying.worker_context import WorkerContext
from mailauncher.errors import Code, DeploymentFailed
from tests.bots.deploying.conftest import Prepare
from tests.support.context import free_port
from tests.support.plans import Deployment, component

HERE = f"=={sys.version_info.major}.{sys.version_info.minor}.*"
REAL = os.path.realpath(sys.executable)
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
    """A deployment of existing files."""

    def __init__(self, work: WorkerContext, main: Component) -> None:
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
        """The output of the environment's Python."""
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
def test_an_environment_has_a_fitting_python_and_is_relocatable(make: Any) -> None:
    made: Environment = make({})
    python.create(made.work, made.main, made.shares.append)
    moved = made.tree.rename(made.tree.with_name("moved"))
    made.tree = moved
    assert made.ask("import sys; print('==%d.%d.*' % sys.version_info[:2])") == HERE
    assert made.ask("import sys; print(sys.prefix)") == str(moved / ".venv")


@pytest.mark.slow
def test_an_existing_environment_is_recreated(make: Any, tmp_path: Path) -> None:
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
def test_the_first_of_the_chosen_pythons_that_fits_is_used(make: Any) -> None:
    """No setting could choose the Python of a bot."""
    made: Environment = make({}, {"python": ("3.99", "/nowhere/python", REAL)})
    python.announce(made.work)
    told = journal.read(made.work.folder)[-1][1]
    assert told.en == f"main: Python {platform.python_version()} ({REAL})"
    with pytest.raises(DeploymentFailed) as failed:
        interpreter.find(made.work.plan.uv, "<3", ("3.99", REAL))
    for text in failed.value.text:
        assert "<3" in text
        assert f"{REAL}" in text
        assert "3.99" in text


@pytest.mark.slow
def test_a_python_of_pyenv_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyenv's scripts in PATH refuse to run, so that its Pythons counted as missing, and another one was downloaded."""
    (tmp_path / "shims").mkdir()
    for name in ("python3", "python", f"python3.{sys.version_info.minor}"):
        (tmp_path / "shims" / name).write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / "shims" / name).chmod(0o755)
    (tmp_path / "pyenv" / "versions" / "one" / "bin").mkdir(parents=True)
    (tmp_path / "pyenv" / "versions" / "one" / "bin" / "python3").symlink_to(REAL)
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "managed"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "nowhere"))
    assert interpreter.find(uv.find_uv_bin(), HERE) is None
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    found = interpreter.find(uv.find_uv_bin(), HERE)
    assert found is not None
    assert found.version == platform.python_version()


@pytest.mark.slow
def test_a_missing_python_is_named_with_the_installed_ones(make: Any) -> None:
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
def test_a_usable_lock_is_used_without_its_urls(make: Any) -> None:
    files = {"pyproject.toml": PINNED, "uv.lock": LOCK, "requirements.txt": "colorama==0.4.6\n"}
    made: Environment = make(files, lock=True, requirements="requirements.txt")
    made.install()
    assert made.colorama == "0.4.5"
    assert (made.tree / "uv.lock").read_text() == LOCK


@pytest.mark.slow
def test_an_unreadable_lock_falls_back_to_the_requirements(make: Any) -> None:
    files = {"pyproject.toml": PINNED, "uv.lock": "nonsense", "requirements.txt": "colorama==0.4.6\n"}
    made: Environment = make(files, lock=True, requirements="requirements.txt")
    made.install()
    assert made.colorama == "0.4.6"


@pytest.mark.slow
def test_requirements_in_utf_16_are_read_without_their_index(make: Any) -> None:
    text = f"\ufeff-i http://127.0.0.1:{free_port()}/simple\r\ncolorama==0.4.6\r\n".encode("utf-16-le")
    made: Environment = make(
        {"pyproject.toml": PINNED, "requirements.txt": text}, requirements="requirements.txt"
    )
    made.install()
    assert made.colorama == "0.4.6"


@pytest.mark.slow
def test_the_projects_index_is_used_if_the_plan_says_so(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    files = {"pyproject.toml": PINNED, "requirements.txt": "colorama==0.4.6\n"}
    failed = make(files, {"index_url": "project"}, requirements="requirements.txt").failed()
    assert failed.error.code is Code.DOWNLOAD_FAILED
    assert "127.0.0.1" in "".join(failed.lines)


@pytest.mark.slow
def test_the_plans_index_is_used_and_its_password_not_shown(
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
def test_a_missing_package_fails_with_the_message_of_uv(make: Any) -> None:
    failed = make({}, packages=("colorama==999",)).failed()
    assert failed.error.code is Code.DEPLOYMENT_FAILED
    assert "colorama==999" in "".join(failed.lines)
    assert "No solution" in failed.error.text.zh


def test_a_killed_uv_is_reported_with_its_signal(make: Any, tmp_path: Path) -> None:
    killed = tmp_path / "uv"
    killed.write_text('#!/bin/sh\nif [ "$1" = python ]; then echo /bin/true; else kill -KILL $$; fi\n')
    killed.chmod(0o755)
    failed = make({}, {"uv": str(killed)}, packages=("colorama",)).failed()
    assert failed.error.code is Code.DEPLOYMENT_FAILED
    assert "SIGKILL" in failed.error.text.zh
    assert "SIGKILL" in failed.error.text.en


@pytest.mark.slow
def test_an_interrupted_installation_is_not_installed(make: Any) -> None:
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


def test_uv_does_not_get_misleading_variables(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_progress_is_read_from_the_lines_of_uv(line: str, share: float) -> None:
    assert python._progress(line) == pytest.approx(share)


@pytest.mark.parametrize(
    "line, text",
    [
        ("Resolved 45 packages in 249ms", None),
        ("Preparing packages... (0/0)", None),
        (
            "⠙ Preparing packages... (10/20)  numpy ---- 1 MiB/16 MiB",
            "Downloading and building packages: 10 of 20",
        ),
        ("████ [10/20] numpy==2.4.6", "Installing packages: 10 of 20"),
    ],
)
def test_the_packages_are_counted_by_the_lines_of_uv(line: str, text: str | None) -> None:
    """For minutes there was 50 % and "Installing dependencies"; how many of how many only the output said."""
    counted = python._counted(line)
    assert (counted and counted.en) == text


def test_each_package_that_is_built_is_announced_once() -> None:
    """For minutes there was only "Installing dependencies"."""
    said: list[str] = []
    read = python._build_announcer(lambda text: said.append(text.en))
    for line in (
        "Resolved 2 packages",
        "   Building jieba==0.42.1",
        "   Building jieba==0.42.1",
        "      Built jieba==0.42.1",
    ):
        read(line)
    assert said == ["Building jieba==0.42.1, which may take some minutes"]
    for number in range(2 * python._BUILDS):
        read(f"Building a{number}")
    assert len(said) == python._BUILDS
