"""Following a deployment: a bar under its log on a terminal, plain lines anywhere else."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import typer

from mailauncher.cli.logs import delays
from mailauncher.cli.remote import Refused, Remote
from mailauncher.cli.voice import Voice, called
from mailauncher.errors import ConnectionFailed, DeploymentFailed, LauncherError

FIELDS = """instanceId name kind status progress step message version commit createdAt endedAt
            services { name status progress message } failure { step code message lastLines } todo"""
_PROGRESS = f"""subscription ($id: ID!, $after: Int) {{ deploymentProgress(instanceId: $id, after: $after) {{
                cursor log deployment {{ {FIELDS} }} }} }}"""
_ENDS = ("COMPLETED", "FAILED", "CANCELLED")
INTERRUPTED = 130
TOLD_PERCENT = 10

Deployment = dict[str, Any]
"""The fields of a deployment in GraphQL."""


class _Display(Protocol):
    def show(self, deployment: Deployment, log: list[str]) -> None: ...


class _Plain:
    """For a file or a pipe: a line for each sentence, and one every few percent, since a step may take minutes."""

    def __init__(self) -> None:
        self._told = 0

    def show(self, deployment: Deployment, log: list[str]) -> None:
        for sentence in log:
            print(sentence, flush=True)
        progress = deployment["progress"]
        if progress >= self._told + TOLD_PERCENT or progress == 100 > self._told:
            self._told = progress
            print(f"{progress}% {deployment['message']}", flush=True)


class _Silent:
    """For `--json`."""

    def show(self, deployment: Deployment, log: list[str]) -> None:
        """What matters is how it ends."""


class _Bar:
    """For a terminal: the log goes by above a bar with the present step."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=100)

    def show(self, deployment: Deployment, log: list[str]) -> None:
        for sentence in log:
            self._progress.console.print(sentence, markup=False, highlight=False)
        message = " ".join(deployment["message"].split())
        self._progress.update(self._task, completed=deployment["progress"], description=message)


@contextmanager
def _display(*, silent: bool) -> Iterator[_Display]:
    if silent or not sys.stdout.isatty():
        yield _Silent() if silent else _Plain()
        return
    from rich import progress

    columns = (
        progress.BarColumn(bar_width=30),
        progress.TextColumn("{task.percentage:>3.0f}%"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}", markup=False),
    )
    with progress.Progress(*columns) as bar:
        yield _Bar(bar)


def follow(
    remote: Remote,
    voice: Voice,
    instance_id: str,
    name: str,
    *,
    after: int | None = None,
    silent: bool = False,
) -> Deployment:
    """Shows a deployment until it has ended, also over a restart of the server. Returns how it stands then.

    Ctrl-C ends the program with status 130, and not the deployment. Raises Refused, ConnectionFailed.
    """
    try:
        with _display(silent=silent) as display:
            return _followed(remote, voice, instance_id, after, display)
    except KeyboardInterrupt:
        command = f"{called()} {{}} {shlex.quote(name)}"
        voice.note(
            f"部署仍在进行。继续查看：{command.format('follow')}；取消：{command.format('cancel')}",
            f"The deployment goes on. To follow it: {command.format('follow')}; to cancel it: {command.format('cancel')}",
        )
        raise typer.Exit(INTERRUPTED) from None


def _followed(
    remote: Remote, voice: Voice, instance_id: str, after: int | None, display: _Display
) -> Deployment:
    from mailauncher.cli.feed import Dropped
    from mailauncher.cli.subscription import subscribed

    waits: Iterator[float] = iter(())
    while True:
        try:
            for data in subscribed(remote, _PROGRESS, id=instance_id, after=after):
                update = data["deploymentProgress"]
                after = update["cursor"]
                deployment: Deployment = update["deployment"]
                display.show(deployment, update["log"])
                waits = delays()
                if deployment["status"] in _ENDS:
                    return deployment
            lost: LauncherError = Dropped(remote)  # it ended before the deployment did: the server stops
        except ConnectionFailed as error:
            lost = error
        wait = next(waits, None)
        if wait is None:  # it has told nothing at all
            raise lost
        time.sleep(wait)


def conclude(voice: Voice, deployment: Deployment) -> None:
    """Says how a deployment ended and what comes next. Leaves with the failure's exit status, if it failed."""
    name, version = deployment["name"], deployment["version"]
    if deployment["status"] == "COMPLETED":
        voice.say(f"{name}（{version}）已就绪", f"{name} ({version}) is installed")
        for sentence in deployment["todo"]:
            voice.say(f"  待办：{sentence}", f"  to do: {sentence}")
        return
    status = voice.fail(failure(deployment, voice))
    if deployment["status"] == "FAILED":
        again, away = (f"{called()} {verb} {shlex.quote(name)}" for verb in ("retry", "rm"))
        zh, en = f"排除原因后继续：{again}", f"Once the cause is gone, go on with: {again}"
        if deployment["kind"] != "UPGRADE":  # there the instance stands as it was
            zh, en = (
                f"{zh}；放弃并移除已安装的内容：{away}",
                f"{en}; to give it up and remove what was made: {away}",
            )
        voice.note(zh, en)
    raise typer.Exit(status)


def failure(deployment: Deployment, voice: Voice) -> LauncherError:
    """Why a deployment did not complete: the step, the cause, the last lines of the command that failed."""
    if found := deployment["failure"]:
        step = (found["step"] or "").lower()
        where = voice.pick(f"步骤 {step}：", f"step {step}: ") if step else ""
        return Refused(found["code"], "\n".join((where + found["message"], *found["lastLines"])))
    return DeploymentFailed("部署已被取消", "The deployment was cancelled")
