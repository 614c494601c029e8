"""Commands of a user who has no home folder: no HOME, and no entry in passwd."""

import sys
from pathlib import Path

import pytest

from mailauncher.errors import InvalidPath
from mailauncher.home import expand
from tests.support.program import Home, home

NO_ENTRY = """
import pwd, runpy, sys
def getpwuid(uid): raise KeyError(uid)
pwd.getpwuid = getpwuid
sys.argv[0] = "mailauncher"
runpy.run_module("mailauncher", run_name="__main__")
"""


@pytest.mark.slow
def test_commands_say_what_to_set_and_work_once_that_is_set() -> None:
    """Every command ended with a traceback, and a deployment into a good folder was refused."""
    with home() as place:
        place.command = (sys.executable, "-c", NO_ENTRY)
        for arguments in (("ls",), ("serve",), ("deploy", "x")):
            ended = place.run(*arguments, HOME="", MAILAUNCHER_DATA="", XDG_DATA_HOME="")
            assert (ended.returncode, ended.stdout) == (2, "")
            assert ended.stderr.count("\n") == 1
            assert "set MAILAUNCHER_DATA and MAILAUNCHER_WORKSPACE" in ended.stderr
        assert "set MAILAUNCHER_WORKSPACE to" in place.run("ls", HOME="", MAILAUNCHER_WORKSPACE="").stderr
        checked = place.run("doctor", HOME="", MAILAUNCHER_DATA="", XDG_DATA_HOME="")
        assert "MAILAUNCHER_DATA" in checked.stdout
        assert "The home folder in ~/x is not known" in place.run("add", "~/x", HOME="").stderr
        _deploy(place)


def _deploy(place: Home) -> None:
    server = place.serve(HOME="")
    deployed = place.run("deploy", "mai", "--recipe", "sample", HOME="")
    assert deployed.returncode == 0, deployed.stderr
    assert (place.data / "home").stat().st_mode & 0o777 == 0o700
    assert server.end() == 0


def test_a_tilde_stands_for_a_home_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("~") == tmp_path
    assert expand(Path("~/a/b")) == tmp_path / "a" / "b"
    assert expand("/~") == Path("/~")
    with pytest.raises(InvalidPath, match="~nobody-has-this-name"):
        expand("~nobody-has-this-name/x")
