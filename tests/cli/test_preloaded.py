"""Commands of these tests that are preloaded are what they would be otherwise."""

import os
import signal
import subprocess

import psutil
import pytest

from tests.support import preloaded
from tests.support.preloaded import COMMAND, LOCALE, ROOT, Command, run
from tests.support.program import Home


@pytest.mark.slow
def test_a_preloaded_command_says_and_ends_as_one_that_is_not(place: Home) -> None:
    env = place.environment()
    for words in (["ls"], ["settings"], ["--version"], ["start"]):
        usual = subprocess.run(
            [*COMMAND, *words], cwd=ROOT, env=env, capture_output=True, encoding="utf-8", check=False
        )
        done = run([*COMMAND, *words], env)
        assert (done.returncode, done.stdout, done.stderr) == (usual.returncode, usual.stdout, usual.stderr)


@pytest.mark.slow
def test_a_preloaded_command_is_a_child_with_nothing_of_others(place: Home) -> None:
    server = place.serve()
    assert server.process.args == [*COMMAND, "serve"]
    process = psutil.Process(server.process.pid)
    assert process.ppid() == os.getpid()
    assert process.cwd() == str(ROOT)
    assert ("tests.support.preloaded" in process.cmdline()) is (preloaded._CLONE is not None)
    assert server.end(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.slow
def test_what_makes_python_start_in_another_way_is_not_preloaded(place: Home) -> None:
    env = place.environment(PYTHONPROFILEIMPORTTIME="1") | LOCALE
    with Command(
        [*COMMAND, "--version"], cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as it:
        assert b"import time:" in it.communicate()[1]
