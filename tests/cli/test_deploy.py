"""Deploying from the command line: progress, questions, results."""

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
def shared_home(releases: Repository) -> Iterator[Home]:
    """A home with a server for all tests of this module that leave no bot running."""
    with home() as found:
        serving(found, releases)
        yield found


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def ended(done: subprocess.CompletedProcess[str]) -> str:
    """How a deployment ended; what follows, its web pages, is indented."""
    return [line for line in ok(done).splitlines() if not line.startswith(" ")][-1]


def listed(place: Home, name: str) -> dict[str, Any]:
    found = json.loads(ok(place.run("ls", "--json")))
    (instance,) = (instance for instance in found if instance["name"] == name)
    return dict(instance)


# Versions and terms


def test_versions_are_printed_as_a_table_or_json(shared_home: Home, releases: Repository) -> None:
    shown = shared_home.run("versions")
    heading, *lines = ok(shown).splitlines()
    assert heading.split() == ["VERSION", "KIND", "COMMIT"]
    assert [line.split()[0] for line in lines] == deployable.VERSIONS
    assert lines[0].split()[1] == deployable.STABLE
    assert releases.url in shown.stderr
    found = json.loads(ok(shared_home.run("versions", "--refresh", "--json")))
    assert [version["name"] for version in found["versions"]] == deployable.VERSIONS


def test_terms_of_a_version_or_an_instance_are_printed(shared_home: Home) -> None:
    eula = (deployable.SAMPLE / "EULA.md").read_text("utf-8").strip()
    of_version = ok(shared_home.run("terms", "--version", "latest"))
    assert eula in of_version
    assert f"==> PRIVACY.md ({deployable.STABLE}) <==" in of_version
    ok(shared_home.run("deploy", "with terms", "--no-follow"))
    assert ok(shared_home.run("terms", "with terms")) == of_version
    assert json.loads(ok(shared_home.run("terms", "with terms", "--json")))["version"] == deployable.STABLE
    for arguments in ((), ("with terms", "--version", "latest")):
        refused = shared_home.run("terms", *arguments)
        assert refused.returncode == 2
        assert "--version" in refused.stderr


# Progress


def test_progress_without_a_terminal_is_plain_lines(shared_home: Home) -> None:
    done = shared_home.run(
        "deploy", "plain", "--version", "0.12.1", "--service", "napcat", "--service", "nonebot"
    )
    first, *lines = ok(done).splitlines()
    assert first == "The deployment has started"
    assert lines[-2] == "plain (0.12.1) is installed"
    assert re.fullmatch(r"  web page: http://127\.0\.0\.1:\d+/ \(token: .*mailauncher web plain\)", lines[-1])
    assert "Checking" in lines
    shares = [int(line.partition("%")[0]) for line in lines[:-1] if re.match(r"\d+%", line)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert "\x1b" not in done.stdout
    instance = listed(shared_home, "plain")
    assert (instance["version"], instance["status"]) == ("0.12.1", "stopped")
    assert [service["name"] for service in instance["services"]] == ["napcat", "nonebot-ada"]
    assert instance["path"] == str((shared_home.folder / "bots" / "plain").resolve())


def test_progress_at_a_terminal_is_a_bar_below_the_log(place: Home, releases: Repository) -> None:
    serving(place, releases)
    screen = Screen(place, "deploy", "shown")
    try:
        screen.expect("The deployment has started")
        screen.expect(r"━")
        screen.expect("100%")
        screen.expect(r"shown \(0.12.2\) is installed")
        assert screen.wait() == 0
    finally:
        screen.close()


def test_json_prints_one_object_at_the_end(shared_home: Home, tmp_path: Path) -> None:
    done = shared_home.run("deploy", "data", "--json", "--path", str(tmp_path / "elsewhere"))
    found = json.loads(ok(done))
    assert (found["status"], found["progress"], found["failure"]) == ("COMPLETED", 100, None)
    assert done.stderr == ""
    assert listed(shared_home, "data")["path"] == str(tmp_path / "elsewhere")


def test_no_follow_returns_immediately_and_follow_shows_the_rest(shared_home: Home) -> None:
    begun = shared_home.run("deploy", "later", "--no-follow")
    message, _, instance_id = ok(begun).strip().partition(": ")
    assert message == "The deployment has started"
    assert "mailauncher follow later" in begun.stderr
    followed = shared_home.run("follow", instance_id[:8])
    assert ended(followed) == f"later ({deployable.STABLE}) is installed"
    again = shared_home.run("follow", "later")
    first, second = (
        [line for line in ok(done).splitlines() if "%" not in line] for done in (followed, again)
    )
    assert first == second
    assert json.loads(ok(shared_home.run("follow", "later", "--json")))["status"] == "COMPLETED"


def test_the_output_of_the_worker_can_be_read_afterwards(shared_home: Home) -> None:
    ok(shared_home.run("deploy", "printed"))
    assert ok(shared_home.run("logs", "printed", "-t", "deploy")).strip()


def test_deployments_are_listed(shared_home: Home) -> None:
    ok(shared_home.run("deploy", "listed"))
    heading, *lines = ok(shared_home.run("deployments")).splitlines()
    assert heading.split() == ["NAME", "KIND", "STATUS", "PROGRESS", "VERSION", "STARTED", "ID"]
    (line,) = (line for line in lines if line.startswith("listed "))
    assert line.split()[1:5] == ["deploy", "completed", "100%", deployable.STABLE]
    found = json.loads(ok(shared_home.run("deployments", "--json")))
    assert "listed" in [entry["name"] for entry in found]


def test_a_name_with_spaces_in_a_hint_can_be_typed(shared_home: Home) -> None:
    begun = shared_home.run("deploy", "with spaces", "--no-follow")
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
def test_an_error_prints_its_code_and_exits_with_its_status(
    shared_home: Home, arguments: tuple[str, ...], exit_status: int, code: str
) -> None:
    refused = shared_home.run(*arguments)
    assert (refused.returncode, refused.stdout) == (exit_status, "")
    assert refused.stderr.startswith(f"Error {code}: ")
    assert all(line.startswith("  ") for line in refused.stderr.splitlines()[1:])


def test_a_completed_deployment_cannot_be_cancelled_or_retried(shared_home: Home) -> None:
    ok(shared_home.run("deploy", "done"))
    assert shared_home.run("cancel", "done").returncode == 4
    assert shared_home.run("retry", "done").returncode == 2


def test_a_failed_deployment_exits_with_its_status_and_resumes_with_retry(
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
    retried = place.run("retry", "unlucky")
    assert ok(retried).startswith("The deployment continues\n")
    assert ended(retried) == f"unlucky ({deployable.STABLE}) is installed"


def test_a_service_that_fails_is_reported_and_added_by_retry(
    place: Home, tmp_path: Path, releases: Repository
) -> None:
    deployable.offer_service(tmp_path / "lone", place.data)
    serving(place, releases)
    lacking = place.run("deploy", "incomplete", "--service", "lone")
    assert lacking.returncode == 1
    assert lacking.stderr.startswith("Error DOWNLOAD_FAILED: step fetch: ")
    assert "mailauncher retry incomplete" in lacking.stderr.splitlines()[-1]
    assert f"incomplete ({deployable.STABLE}) is installed" in lacking.stdout
    assert listed(place, "incomplete")["services"] == []
    deployable.release_service(tmp_path / "lone")
    assert ended(place.run("retry", "incomplete")) == f"incomplete ({deployable.STABLE}) is installed"
    assert [service["name"] for service in listed(place, "incomplete")["services"]] == ["lone"]
    assert ok(place.run("deployments")).splitlines()[1].split()[:3] == ["incomplete", "services", "completed"]


# Ctrl-C, and a restart of the server


@dataclass
class Held:
    """A server whose deployments hang while fetching, as long as `git` hangs."""

    place: Home
    git: GitServer
    server: Running

    def deploying(self, *arguments: str) -> Running:
        """A `deploy` command that has reached that point."""
        before = len(self.git.requests)
        command = self.place.start("deploy", *arguments)
        self.git.wait_for_requests(before + 1)
        command.expect("The deployment has started")
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


def test_ctrl_c_stops_watching_and_not_the_deployment(held: Held) -> None:
    place = held.place
    command = held.deploying("bot")
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 130
    (line,) = command.errors.strip().splitlines()
    assert line.startswith("The deployment continues.")
    assert "mailauncher follow bot" in line
    assert "mailauncher cancel bot" in line
    assert listed(place, "bot")["status"] == "installing"
    follower = place.start("follow", "bot")
    held.git.manner = "serve"
    follower.expect(r"bot \(0.12.2\) is installed")
    assert follower.wait() == 0
    assert listed(place, "bot")["status"] == "stopped"


def test_ctrl_c_at_a_terminal_removes_the_bar_and_says_how_to_resume(held: Held) -> None:
    screen = Screen(held.place, "deploy", "bot")
    try:
        screen.expect("━")
        screen.type("\x03")
        screen.expect("The deployment continues")
        assert screen.wait() == 130
    finally:
        screen.close()
    assert ok(held.place.run("cancel", "bot")) == "The deployment was cancelled\n"


def test_a_cancelled_deployment_ends_its_watchers_and_leaves_nothing(held: Held) -> None:
    place = held.place
    command = held.deploying("bot")
    assert ok(place.run("cancel", "bot")) == "The deployment was cancelled\n"
    assert command.wait() == 1
    assert "Error DEPLOYMENT_FAILED: The deployment was cancelled" in command.errors
    assert "retry" not in command.errors
    assert json.loads(ok(place.run("ls", "--json"))) == []
    assert list((place.folder / "bots").iterdir()) == []
    assert place.run("follow", "bot").returncode == 1
    assert ok(place.run("deployments")) == ""
    listed = ok(place.run("deployments", "--all")).splitlines()
    assert listed[1].split()[:3] == ["bot", "deploy", "cancelled"]


def test_progress_continues_across_a_restart_of_the_server_without_repeating(held: Held) -> None:
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


def test_without_consent_and_terminal_the_bot_is_installed_with_a_hint(
    place: Home, releases: Repository
) -> None:
    serving(place, releases)
    done = place.run("deploy", "bot", "--start")
    assert ended(done) == f"bot ({deployable.STABLE}) is installed"
    assert f"mailauncher terms --version {deployable.STABLE}" in done.stderr
    assert "EULA.md, PRIVACY.md" in done.stderr
    assert "mailauncher accept bot" in done.stderr
    assert listed(place, "bot")["status"] == "stopped"  # it was `failed`, and nothing had failed
    assert "terms" in ok(place.run("ls")).splitlines()[2]
    assert ok(place.run("accept", "bot")) == "The licence and privacy terms were accepted\n"
    assert ok(place.run("start", "bot")) == "Instance bot started\n"


def test_accepting_terms_while_the_bot_asks_for_them_suggests_a_restart(
    place: Home, releases: Repository
) -> None:
    serving(place, releases)
    ok(place.run("deploy", "bot"))
    ok(place.run("start", "bot"))
    accepted = place.run("accept", "bot")
    assert ok(accepted) == "The licence and privacy terms were accepted\n"
    assert "mailauncher restart bot" in accepted.stderr


def test_accept_terms_starts_the_bot(place: Home, releases: Repository) -> None:
    serving(place, releases)
    done = place.run("deploy", "bot", "--start", "--accept-terms")
    assert (ended(done), done.stderr) == (f"bot ({deployable.STABLE}) is installed", "")
    assert listed(place, "bot")["status"] == "running"


@pytest.mark.parametrize("answer, status", [("y", "running"), ("n", "stopped"), ("maybe\r是", "running")])
def test_deploy_at_a_terminal_asks_for_consent(
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


def test_ctrl_c_at_the_question_exits_without_deploying(shared_home: Home) -> None:
    screen = Screen(shared_home, "deploy", "undecided", "--start", "--lang", "zh")
    try:
        screen.expect(r"接受这些条款？ \[y/N\]: ")
        screen.type("\x03")
        screen.expect("已取消")
        assert screen.wait() == 130
    finally:
        screen.close()
    assert "undecided" not in ok(shared_home.run("deployments"))


def test_an_unknown_name_is_answered_with_the_known_ones(shared_home: Home) -> None:
    service = shared_home.run("deploy", "bot", "--service", "nothing").stderr
    assert "napcat, nonebot-ada" in service
    assert "maibot" in shared_home.run("deploy", "bot", "--recipe", "nothing").stderr
    assert "maibot" in shared_home.run("versions", "--recipe", "nothing").stderr
    assert ".." not in shared_home.run("deploy", "bot", "--path", "/").stderr


def test_messages_are_chinese_in_a_chinese_locale(shared_home: Home) -> None:
    done = shared_home.run("deploy", "中文", "--lang", "zh")
    assert (ok(done).splitlines()[0], ended(done)) == ("部署已开始", f"中文（{deployable.STABLE}）已安装")


def test_a_deployment_whose_bot_does_not_work_exits_with_the_reason(place: Home, tmp_path: Path) -> None:
    """It printed "The deployment is complete", with status 0."""
    repository = deployable.sample_repository(tmp_path / "asking")
    repository.commit({"bot.py": "input('Your key? ')\n"})
    repository.tag("0.12.3")
    serving(place, repository)
    done = place.run("deploy", "bot", "--start", "--accept-terms")
    assert done.returncode == 7
    assert "bot (0.12.3) is installed" in done.stdout
    assert "mailauncher attach bot" in done.stderr
    assert done.stderr.splitlines()[-1] == "  Your key?"
    assert place.run("follow", "bot").returncode == 7
    assert listed(place, "bot")["details"]["waiting_for"] == "input"
