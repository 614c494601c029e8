"""The steps of a worker by themselves, in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailauncher.bots.deploying.command import Runner
from mailauncher.bots.deploying.interrupt import Interrupt
from mailauncher.bots.deploying.report import Report
from mailauncher.bots.deploying.staging import Staging
from mailauncher.bots.deploying.work import Work, secrets_of
from tests.support.plans import Deployment

Prepare = Callable[[Deployment], Work]


@pytest.fixture
def prepare(tmp_path: Path) -> Iterator[Prepare]:
    """What the steps of a deployment have at hand; what commands print goes to `output` beside it."""
    with (tmp_path / "output").open("wb") as output:

        def made(deployment: Deployment) -> Work:
            interrupt = Interrupt()
            runner = Runner(interrupt, secrets=secrets_of(deployment.plan), output=output.fileno())
            report = Report(deployment.folder, runner.say)
            staging = Staging(deployment.plan)
            staging.make()
            return Work(deployment.folder, deployment.plan, staging, runner, report, interrupt)

        yield made
