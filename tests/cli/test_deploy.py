"""Deploying from the command line: what it shows, what it asks, how it ends."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import deployable
from tests.support.git import GitServer, Repository
from tests.support.git import serving as git_server
from tests.support.program import Home, Running, home
from tests.support.screen import Screen

pytestmark = pytest.mark.slow


def serving(place: Home, repository: Repository, **given: str) -> None:
    """A server in a home that deploys the sample bot as `maibot`."""
    deployable.use(repository.url, place.data)
    place.serve(MAILAUNCHER_SOURCES_MAIBOT=repository.url, **given)


@pytest.fixture(scope="module")
def house(releases: Repository) -> Iterator[Home]:
    """A home whose server all tests of this module use that leave no bot running."""
    with home() as found:
        serving(found, releases)
        yield found


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(place: Home, name: str) -> dict[str, Any]:
    found = json.loads(ok(place.run("ls", "--json")))
    (instance,) = (instance for instance in found if instance["name"] == name)
    return dict(instance)


# What there is


def test_versions_are_a_table_or_json(house: Home, releases: Repository) -> None:
    shown = house.run("versions")
    heading, *lines = ok(shown).splitlines()
    assert heading.split() == ["VERSION", "IS", "COMMIT"]
    assert [line.split()[0] for line in lines] == deployable.VERSIONS
    assert lines[0].split()[1] == deployable.STABLE
    assert releases.url in shown.stderr
    found = json.loads(ok(house.run("versions", "--refresh", "--json")))
    assert [version["name"] for version in found["versions"]] == deployable.VERSIONS


def test_terms_are_printed_of_a_version_or_an_instance(house: Home) -> None:
    eula = (deployable.SAMPLE / "EULA.md").read_text("utf-8").strip()
    of_version = ok(house.run("terms", "--version", "latest"))
    assert eula in of_version
    assert f"==> PRIVACY.md ({deployable.STABLE}) <==" in of_version
    ok(house.run("deploy", "with terms", "--no-follow"))
    assert ok(house.run("terms", "with terms")) == of_version
    assert json.loads(ok(house.run("terms", "with terms", "--json")))["version"] == deployable.STABLE
    for arguments in ((), ("with terms", "--version", "latest")):
        refused = house.run("terms", *arguments)
        assert refused.returncode == 2
        assert "--version" in refused.stderr


# A deployment


def test_without_a_terminal_it_is_followed_in_plain_lines(house: Home) -> None:
    done = house.run("deploy", "plain", "--version", "0.12.1", "--service", "napcat", "--service", "nonebot")
    first, *lines = ok(done).splitlines()
    assert first == "The deployment has begun"
    assert lines[-1] == "plain (0.12.1) is installed"
    assert "Checking" in lines
    shares = [int(line.partition("%")[0]) for line in lines[:-1] if re.match(r"\d+%", line)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert "\x1b" not in done.stdout
    instance = listed(house, "plain")
    assert (instance["version"], instance["status"]) == ("0.12.1", "stopped")
    assert [service["name"] for service in instance["services"]] == ["napcat", "nonebot-ada"]
    assert instance["path"] == str((house.folder / "bots" / "plain").resolve())


def test_at_a_terminal_there_is_a_bar_under_the_log(place: Home, releases: Repository) -> None:
    serving(place, releases)
    screen = Screen(place, "deploy", "shown")
    try:
        screen.expect("The deployment has begun")
        screen.expect(r"━")
        screen.expect("100%")
        screen.expect(r"shown \(0.12.2\) is installed")
        assert screen.wait() == 0
    finally:
        screen.close()


def test_json_is_one_object_about_the_end(house: Home, tmp_path: Path) -> None:
    done = house.run("deploy", "data", "--json", "--path", str(tmp_path / "elsewhere"))
    found = json.loads(ok(done))
    assert (found["status"], found["progress"], found["failure"]) == ("COMPLETED", 100, None)
    assert done.stderr == ""
    assert listed(house, "data")["path"] == str(tmp_path / "elsewhere")


def test_not_followed_it_answers_at_once_and_can_be_followed_later(house: Home) -> None:
    begun = house.run("deploy", "later", "--no-follow")
    message, _, instance_id = ok(begun).strip().partition(": ")
    assert message == "The deployment has begun"
    assert "mailauncher follow later" in begun.stderr
    followed = ok(house.run("follow", instance_id[:8])).splitlines()
    assert followed[-1] == f"later ({deployable.STABLE}) is installed"
    again = ok(house.run("follow", "later")).splitlines()
    assert [line for line in again if "%" not in line] == [line for line in followed if "%" not in line]
    assert json.loads(ok(house.run("follow", "later", "--json")))["status"] == "COMPLETED"


def test_what_the_worker_printed_can_be_read_afterwards(house: Home) -> None:
    ok(house.run("deploy", "printed"))
    assert ok(house.run("logs", "printed", "-t", "deploy")).strip()


def test_deployments_are_listed(house: Home) -> None:
    ok(house.run("deploy", "listed"))
    heading, *lines = ok(house.run("deployments")).splitlines()
    assert heading.split() == ["NAME", "KIND", "STATUS", "DONE", "VERSION", "BEGUN", "ID"]
    (line,) = (line for line in lines if line.startswith("listed "))
    assert line.split()[1:5] == ["deploy", "completed", "100%", deployable.STABLE]
    found = json.loads(ok(house.run("deployments", "--json")))
    assert "listed" in [entry["name"] for entry in found]


def test_a_name_with_spaces_in_a_hint_can_be_typed(house: Home) -> None:
    begun = house.run("deploy", "with spaces", "--no-follow")
    assert "mailauncher follow 'with spaces'" in begun.stderr


@pytest.mark.parametrize(
    "arguments, exit_status, code",
    [
        (("deploy", "bot", "--version", "9.9.9"), 3, "VERSION_NOT_FOUND"),
        (("deploy", "a/b"), 2, "INVALID_PARAMETER"),
        (("deploy", "bot", "--path", "/"), 2, "INVALID_PATH"),
        (("deploy", "bot", "--port", "0"), 2, "INVALID_PARAMETER"),
        (("deploy", "bot", "--service", "nothing"), 2, "INVALID_PARAMETER"),
        (("deploy", "bot", "--recipe", "nothing"), 2, "INVALID_PARAMETER"),
        (("deploy", "bot", "--start", "--version", "9.9.9"), 3, "VERSION_NOT_FOUND"),
        (("versions", "--recipe", "nothing"), 3, "RESOURCE_NOT_FOUND"),
        (("follow", "nobody"), 3, "INSTANCE_NOT_FOUND"),
        (("cancel", "nobody"), 3, "INSTANCE_NOT_FOUND"),
        (("retry", "nobody"), 3, "INSTANCE_NOT_FOUND"),
        (("accept", "nobody"), 3, "INSTANCE_NOT_FOUND"),
        (("terms", "--version", "9.9.9"), 3, "VERSION_NOT_FOUND"),
        (("versions", "--url", "http://127.0.0.1:1"), 6, "CONNECTION_FAILED"),
    ],
)
def test_a_refusal_has_its_code_in_words_and_as_exit_status(
    house: Home, arguments: tuple[str, ...], exit_status: int, code: str
) -> None:
    refused = house.run(*arguments)
    assert (refused.returncode, refused.stdout) == (exit_status, "")
    assert refused.stderr.startswith(f"Error {code}: ")
    assert len(refused.stderr.splitlines()) == 1


def test_what_is_done_cannot_be_cancelled_or_tried_again(house: Home) -> None:
    ok(house.run("deploy", "done"))
    assert house.run("cancel", "done").returncode == 4
    assert house.run("retry", "done").returncode == 2


def test_a_failed_deployment_ends_with_its_codes_status_and_goes_on_with_retry(
    place: Home, tmp_path: Path
) -> None:
    repository = deployable.sample_repository(tmp_path / "repository")
    serving(place, repository)
    ok(place.run("versions"))
    repository.folder.rename(tmp_path / "away")
    failed = place.run("deploy", "unlucky")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error DOWNLOAD_FAILED: step fetch: ")
    assert re.search(r"^  fatal: ", failed.stderr, re.MULTILINE)
    assert "mailauncher retry unlucky" in failed.stderr.splitlines()[-1]
    assert "mailauncher rm unlucky" in failed.stderr.splitlines()[-1]
    assert "is installed" not in failed.stdout
    lines = ok(place.run("ls")).splitlines()
    assert "failed" in lines[1]
    assert lines[2].startswith("    ")
    shown = ok(place.run("deployments")).splitlines()
    assert shown[1].split()[:3] == ["unlucky", "deploy", "failed"]
    assert shown[2].startswith("    ")
    again = place.run("retry", "unlucky", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["failure"]["code"] == "DOWNLOAD_FAILED"
    (tmp_path / "away").rename(repository.folder)
    retried = ok(place.run("retry", "unlucky")).splitlines()
    assert retried[0] == "The deployment goes on"
    assert retried[-1] == f"unlucky ({deployable.STABLE}) is installed"


# Ctrl-C, and a server that goes away


@dataclass
class Held:
    """A server whose deployments stand still while they fetch, as long as `git` hangs."""

    place: Home
    git: GitServer
    server: Running

    def deploying(self, *arguments: str) -> Running:
        """A `deploy` that has come to that point."""
        before = len(self.git.requests)
        command = self.place.start("deploy", *arguments)
        self.git.wait_for_requests(before + 1)
        command.expect("The deployment has begun")
        return command

    def restart(self) -> None:
        assert self.server.end() == 0
        self.server = self.place.serve(**self.given)

    @property
    def given(self) -> dict[str, str]:
        return {"MAILAUNCHER_SOURCES_MAIBOT": self.git.url("maibot")}


@pytest.fixture
def held(place: Home, tmp_path: Path) -> Iterator[Held]:
    deployable.sample_repository(tmp_path / "git" / "maibot")
    with git_server(tmp_path / "git") as git:
        deployable.use(git.url("maibot"), place.data)
        found = Held(place, git, place.serve(MAILAUNCHER_SOURCES_MAIBOT=git.url("maibot")))
        ok(place.run("versions"))
        git.manner = "hang"
        yield found


def test_ctrl_c_stops_following_and_not_the_deployment(held: Held) -> None:
    place = held.place
    command = held.deploying("bot")
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 130
    (line,) = command.errors.strip().splitlines()
    assert line.startswith("The deployment goes on.")
    assert "mailauncher follow bot" in line
    assert "mailauncher cancel bot" in line
    assert listed(place, "bot")["status"] == "installing"
    follower = place.start("follow", "bot")
    held.git.manner = "serve"
    follower.expect(r"bot \(0.12.2\) is installed")
    assert follower.wait() == 0
    assert listed(place, "bot")["status"] == "stopped"


def test_ctrl_c_at_a_terminal_leaves_the_bar_and_says_how_to_go_on(held: Held) -> None:
    screen = Screen(held.place, "deploy", "bot")
    try:
        screen.expect("━")
        screen.type("\x03")
        screen.expect("The deployment goes on")
        assert screen.wait() == 130
    finally:
        screen.close()
    assert ok(held.place.run("cancel", "bot")) == "The deployment was cancelled\n"


def test_a_cancelled_deployment_ends_its_followers_and_leaves_nothing(held: Held) -> None:
    place = held.place
    command = held.deploying("bot")
    assert ok(place.run("cancel", "bot")) == "The deployment was cancelled\n"
    assert command.wait() == 1
    assert "Error DEPLOYMENT_FAILED: The deployment was cancelled" in command.errors
    assert "retry" not in command.errors
    assert json.loads(ok(place.run("ls", "--json"))) == []
    assert list((place.folder / "bots").iterdir()) == []
    assert place.run("follow", "bot").returncode == 1
    assert ok(place.run("deployments")).splitlines()[1].split()[:3] == ["bot", "deploy", "cancelled"]


def test_following_goes_on_over_a_restart_of_the_server_with_nothing_twice(held: Held) -> None:
    command = held.deploying("bot")
    held.restart()
    held.git.manner = "serve"
    command.expect(r"bot \(0.12.2\) is installed")
    assert command.wait() == 0
    assert "Traceback" not in command.errors
    logged = held.place.run("follow", "bot").stdout.splitlines()
    sentences = [line for line in logged if "%" not in line]
    shown = [line for line in command.text.splitlines()[1:] if "%" not in line]
    assert shown == sentences


# Consent


def test_without_consent_and_a_terminal_it_is_installed_and_told_how_to_go_on(
    place: Home, releases: Repository
) -> None:
    serving(place, releases)
    done = place.run("deploy", "bot", "--start")
    assert ok(done).splitlines()[-1] == f"bot ({deployable.STABLE}) is installed"
    assert f"mailauncher terms --version {deployable.STABLE}" in done.stderr
    assert "EULA.md, PRIVACY.md" in done.stderr
    assert "mailauncher accept bot" in done.stderr
    assert listed(place, "bot")["status"] == "failed"
    assert "terms" in ok(place.run("ls")).splitlines()[2]
    assert ok(place.run("accept", "bot")) == "The licence and privacy terms are accepted\n"
    assert ok(place.run("start", "bot")) == "Instance bot started\n"


def test_consent_to_a_bot_that_is_asking_already_says_to_restart_it(
    place: Home, releases: Repository
) -> None:
    serving(place, releases)
    ok(place.run("deploy", "bot"))
    ok(place.run("start", "bot"))
    accepted = place.run("accept", "bot")
    assert ok(accepted) == "The licence and privacy terms are accepted\n"
    assert "mailauncher restart bot" in accepted.stderr


def test_consent_on_the_command_line_starts_it(place: Home, releases: Repository) -> None:
    serving(place, releases)
    done = place.run("deploy", "bot", "--start", "--accept-terms")
    assert (ok(done).splitlines()[-1], done.stderr) == (f"bot ({deployable.STABLE}) is installed", "")
    assert listed(place, "bot")["status"] == "running"


@pytest.mark.parametrize("answer, status", [("y", "running"), ("n", "failed"), ("maybe\r是", "running")])
def test_at_a_terminal_it_asks_for_consent(
    place: Home, releases: Repository, answer: str, status: str
) -> None:
    serving(place, releases)
    screen = Screen(place, "deploy", "bot", "--start")
    try:
        screen.expect("mailauncher terms --version")
        screen.expect(r"do you accept them\? \[y/N\]")
        screen.type(f"{answer}\r")
        screen.expect("is installed")
        assert screen.wait() == 0
    finally:
        screen.close()
    assert listed(place, "bot")["status"] == status


def test_ctrl_c_at_the_question_leaves_without_deploying(house: Home) -> None:
    screen = Screen(house, "deploy", "undecided", "--start", "--lang", "zh")
    try:
        screen.expect(r"接受这些条款？ \[y/N\]: ")
        screen.type("\x03")
        screen.expect("已放弃")
        assert screen.wait() == 1
    finally:
        screen.close()
    assert "undecided" not in ok(house.run("deployments"))


def test_what_is_unknown_is_answered_by_what_there_is(house: Home) -> None:
    service = house.run("deploy", "bot", "--service", "nothing").stderr
    assert "napcat, nonebot-ada" in service
    assert "maibot" in house.run("deploy", "bot", "--recipe", "nothing").stderr
    assert "maibot" in house.run("versions", "--recipe", "nothing").stderr
    assert ".." not in house.run("deploy", "bot", "--path", "/").stderr


def test_it_speaks_chinese_to_the_chinese(house: Home) -> None:
    done = house.run("deploy", "中文", "--lang", "zh")
    first, *_, last = ok(done).splitlines()
    assert (first, last) == ("部署已开始", f"中文（{deployable.STABLE}）已就绪")
