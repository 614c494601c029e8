"""What the wheel carries, and how it behaves in a site-packages that it shares with others."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from resolvers.deploying import job
from tests.support.layers import LAYERS, ROOT

FOREIGN_SCHEMA = 'WHO = "the public package called schema"\n'

pytestmark = pytest.mark.slow


def run(*argv: str | os.PathLike[str], cwd: Path) -> str:
    """Runs a child to its end and returns what it printed; its error output is the failure's message."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source: Path, target: str, out: Path) -> Path:
    """Builds `wheel` or `sdist` of a source tree with the installed hatchling, so without any network."""
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, cwd=source)
    (built,) = out.iterdir()
    return built


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_below(package: str) -> set[str]:
    """Every file of one of our packages as it stands in the repository, compiled ones aside."""
    found = (path for path in (ROOT / package).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if path.parent.name != "__pycache__"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site-packages that had the public package `schema` before the wheel was installed beside it."""
    target = tmp_path_factory.mktemp("site-packages")
    (target / "schema").mkdir()
    (target / "schema" / "__init__.py").write_text(FOREIGN_SCHEMA)
    info = target / "schema-0.7.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: schema\nVersion: 0.7.7\n")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps")
    run(*pip, "--target", target, wheel, cwd=target)
    return target


def python_in(site: Path, code: str) -> str:
    """Runs code where `site` is what is installed, and of this environment only the libraries can be seen.

    Without -S the editable install's .pth would let the repository answer instead of the wheel.
    """
    libraries = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    paths = f"import sys; sys.path[:0] = [{str(site)!r}]; sys.path += {libraries!r}\n"
    return run(sys.executable, "-I", "-S", "-c", paths + code, cwd=site)


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    top = {name.split("/")[0] for name in names_in(wheel)}
    (info,) = (name for name in top if name.endswith(".dist-info"))
    assert top == {"mailauncher", info}


def test_the_wheel_carries_every_file_of_the_packages(wheel: Path) -> None:
    expected = files_below("mailauncher")
    for layer in LAYERS:
        expected |= {f"mailauncher/_layers/{name}" for name in files_below(layer)}
    shipped = {name for name in names_in(wheel) if name.startswith("mailauncher/")}
    assert shipped == expected


def test_a_wheel_built_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert names_in(build(source, "wheel", tmp_path / "again")) == names_in(wheel)


def test_an_installed_program_imports_its_own_layers(site: Path) -> None:
    code = f"""
import importlib, json, mailauncher.__main__
print(json.dumps({{name: importlib.import_module(name).__file__ for name in {LAYERS}}}))
"""
    found = json.loads(python_in(site, code))
    private = site / "mailauncher" / "_layers"
    assert found == {name: str(private / name / "__init__.py") for name in LAYERS}


def test_the_public_package_schema_stays_what_it_was(site: Path) -> None:
    assert (site / "schema" / "__init__.py").read_text() == FOREIGN_SCHEMA
    names = {path.name for path in site.iterdir()}
    assert names.isdisjoint(set(LAYERS) - {"schema"})
    assert python_in(site, "import schema; print(schema.WHO)") == "the public package called schema\n"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(job._CODE, id="today"),
        # Written down as it was: a server of that time may run on after its package was replaced by this wheel.
        pytest.param(
            "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
            "runpy.run_module('mailauncher.bots.deploying', run_name='__main__', alter_sys=True)",
            id="before the layers moved",
        ),
    ],
)
def test_the_worker_of_a_deployment_is_found_in_the_wheel(site: Path, code: str) -> None:
    told = python_in(site, f"sys.argv[1:] = [{str(site)!r}, '--help']\n{code}")
    assert "--revert" in told
