"""The progress of a deployment: a bar below its log on a terminal, plain lines elsewhere."""

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import typer

from cli.client import ApiClient, RequestRefused
from cli.console import Console, program_name
from cli.early_signals import INTERRUPTED
from mailauncher.errors import ConnectionFailed, DeploymentFailed, LauncherError
from mailauncher.system_text import visible, visible_line

FIELDS = """instanceId name kind status progress step message version commit createdAt endedAt
            services { name status progress message } failure { step code message lastLines } todo"""
_PROGRESS = f"""subscription ($id: ID!, $after: Int) {{ deploymentProgress(instanceId: $id, after: $after) {{
                cursor log deployment {{ {FIELDS} }} }} }}"""
_ENDS = ("COMPLETED", "FAILED", "CANCELLED")
REPORT_PERCENT = 10

Deployment = dict[str, Any]
"""The fields of a deployment in GraphQL."""


class _Display(Protocol):
    def show(self, deployment: Deployment, log: list[str]) -> None: ...


class _LineDisplay:
    """For a file or a pipe: the lines of the log, and one for every 10 percent, since a step may take minutes."""

    def __init__(self) -> None:
        self._reported = 0

    def show(self, deployment: Deployment, log: list[str]) -> None:
        for sentence in log:
            print(sentence, flush=True)
        progress = deployment["progress"]
        if progress >= self._reported + REPORT_PERCENT or progress == 100 > self._reported:
            self._reported = progress
            message = deployment["message"]
            print(f"{progress}%" if log[-1:] == [message] else f"{progress}% {message}".rstrip(), flush=True)


class _NoDisplay:
    """For `--json`."""

    def show(self, deployment: Deployment, log: list[str]) -> None:
        """Nothing: only the end is printed."""


class _BarDisplay:
    """For a terminal: the log scrolls above a bar with the current step."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=100)

    def show(self, deployment: Deployment, log: list[str]) -> None:
        for sentence in log:
            self._progress.console.print(visible(sentence), markup=False, highlight=False)
        message = visible_line(" ".join(deployment["message"].split()))
        self._progress.update(self._task, completed=deployment["progress"], description=message)


@contextmanager
def _display(*, silent: bool) -> Iterator[_Display]:
    if silent or not sys.stdout.isatty():
        yield _NoDisplay() if silent else _LineDisplay()
        return
    from rich import console, progress

    columns = (
        progress.BarColumn(bar_width=30),
        progress.TextColumn("{task.percentage:>3.0f}%"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}", markup=False),
    )
    # It draws by control sequences, which our own standard output escapes.
    with progress.Progress(*columns, console=console.Console(file=sys.__stdout__)) as bar:
        yield _BarDisplay(bar)


def follow(
    client: ApiClient,
    console: Console,
    instance_id: str,
    name: str,
    *,
    after: int | None = None,
    silent: bool = False,
) -> Deployment:
    """Shows a deployment until it ends, even across restarts of the server. Returns it as it is then.

    Ctrl-C ends the program with status 130, not the deployment. Raises RequestRefused, ConnectionFailed.
    """
    try:
        with _display(silent=silent) as display:
            return _follow(client, console, instance_id, after, display)
    except KeyboardInterrupt:
        command = f"{program_name()} {{}} {shlex.quote(name)}"
        console.note(
            f"部署仍在进行。继续查看：{command.format('follow')}；取消：{command.format('cancel')}",
            f"The deployment continues. Progress: {command.format('follow')}; cancel: {command.format('cancel')}",
        )
        raise typer.Exit(INTERRUPTED) from None


def _follow(
    client: ApiClient, console: Console, instance_id: str, after: int | None, display: _Display
) -> Deployment:
    from cli.subscription import subscribe
    from cli.websocket import ConnectionLost, retry_delays

    waits: Iterator[float] = iter(())
    while True:
        try:
            for data in subscribe(client, _PROGRESS, id=instance_id, after=after):
                update = data["deploymentProgress"]
                after = update["cursor"]
                deployment: Deployment = update["deployment"]
                display.show(*without_failure(deployment, update["log"]))
                waits = retry_delays()
                if deployment["status"] in _ENDS:
                    return deployment
            # The stream ended before the deployment did: the server stops.
            lost: LauncherError = ConnectionLost(client)
        except ConnectionFailed as error:
            lost = error
        wait = next(waits, None)
        if wait is None:  # not one event has arrived: waiting would not help
            raise lost
        time.sleep(wait)


def without_failure(deployment: Deployment, log: list[str]) -> tuple[Deployment, list[str]]:
    """A deployment and its log without the reason of its failure, which is printed at the end, with the last lines of output."""
    if (failure := deployment["failure"]) is None:
        return deployment, log
    reason = failure["message"]
    shown = deployment | {"message": ""} if deployment["message"] == reason else deployment
    return shown, [sentence for sentence in log if sentence != reason]


def conclude(console: Console, deployment: Deployment, pages: Sequence[str]) -> None:
    """Prints how a deployment ended, the URLs of the bot's web pages, and what to do next. Ends the program with the failure's exit status, if it failed or the
    installed bot did not start."""
    name, version = deployment["name"], deployment["version"]
    if deployment["status"] == "COMPLETED":
        console.print(f"{name}（{version}）已安装", f"{name} ({version}) is installed")
        for page in pages:
            command = f"{program_name()} web {shlex.quote(name)}"
            console.print(f"  网页：{page}（令牌：{command}）", f"  web page: {page} (token: {command})")
        for sentence in deployment["todo"]:
            console.print(f"  待办：{sentence}", f"  to do: {sentence}")
        if deployment["failure"] is None:
            return
        status = console.report(failure(deployment, console))
        if any(service["status"] == "FAILED" for service in deployment["services"]):
            again = f"{program_name()} retry {shlex.quote(name)}"
            console.note(
                f"排除原因后补装缺少的服务：{again}",
                f"Once the cause is fixed, add what is missing with: {again}",
            )
        raise typer.Exit(status)
    status = console.report(failure(deployment, console))
    if deployment["status"] == "FAILED":
        again, away = (f"{program_name()} {verb} {shlex.quote(name)}" for verb in ("retry", "rm"))
        zh, en = f"排除原因后继续：{again}", f"Once the cause is fixed, resume with: {again}"
        if deployment["kind"] in ("DEPLOY", "CLONE"):  # the others leave the instance as it was
            zh, en = (
                f"{zh}；放弃并移除已安装的内容：{away}",
                f"{en}; or abandon it and remove what was installed: {away}",
            )
        console.note(zh, en)
    raise typer.Exit(status)


def failure(deployment: Deployment, console: Console) -> LauncherError:
    """Why a deployment did not complete: the step, the cause, the last lines of the failed command."""
    if found := deployment["failure"]:
        step = (found["step"] or "").lower()
        where = console.pick(f"步骤 {step}：", f"step {step}: ") if step else ""
        return RequestRefused(found["code"], "\n".join((where + found["message"], *found["lastLines"])))
    return DeploymentFailed("部署已被取消", "The deployment was cancelled")
