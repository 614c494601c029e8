"""Runs single steps of a worker in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bots.deploying.command import CommandRunner
from bots.deploying.interrupt import Interrupt
from bots.deploying.report import Report
from bots.deploying.staging import Staging
from bots.deploying.worker_context import WorkerContext, secrets_of
from tests.support.plans import Deployment

Prepare = Callable[[Deployment], WorkerContext]


@pytest.fixture
def prepare(tmp_path: Path) -> Iterator[Prepare]:
    """The context of a deployment's steps; the output of commands goes to `output` beside it."""
    with (tmp_path / "output").open("wb") as output:

        def made(deployment: Deployment) -> WorkerContext:
            interrupt = Interrupt()
            runner = CommandRunner(interrupt, secrets=secrets_of(deployment.plan), output=output.fileno())
            report = Report(deployment.folder, runner.print_line)
            staging = Staging(deployment.plan)
            staging.make()
            return WorkerContext(deployment.folder, deployment.plan, staging, runner, report, interrupt)

        yield made
