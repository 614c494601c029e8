"""What every step of the worker gets."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bots.deploying.command import CommandRunner
from bots.deploying.interrupt import Interrupt
from bots.deploying.plan import Component, Plan
from bots.deploying.report import Report, StepFailed
from bots.deploying.staging import Staging

LEAST_SECRET = 4


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """`folder` is the folder of the plan and the journal. `missing` are the services that could not be installed, and why;
    `placed` those that are already in the folder of the installed bot to which they are added."""

    folder: Path
    plan: Plan
    staging: Staging
    runner: CommandRunner
    report: Report
    interrupt: Interrupt
    missing: dict[str, StepFailed] = field(default_factory=dict)
    placed: set[str] = field(default_factory=set)

    @property
    def services(self) -> tuple[Component, ...]:
        """Those that are still to be installed."""
        done = self.missing.keys() | self.placed
        return tuple(service for service in self.plan.services if service.name not in done)

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that this deployment makes."""
        return self.services if self.plan.kind == "services" else (self.plan.main, *self.services)


def secrets_of(plan: Plan) -> tuple[str, ...]:
    """Texts that must be masked in output: users and passwords in URLs."""
    urls = [plan.index_url, plan.github_mirror]
    for component in plan.components:
        urls += component.source.git
        urls += [url for archive in component.install.archives for url in archive.urls]
    return tuple({secret for url in urls for secret in _userinfo(url)})


def _userinfo(url: str) -> Iterator[str]:
    try:
        userinfo = urlsplit(url).netloc.rpartition("@")[0]
    except ValueError:
        return
    user, colon, password = userinfo.partition(":")
    # A user without a password is not a secret over ssh (`ssh://git@host`), but may be a token over HTTP.
    if colon or (url.startswith("http") and len(user) >= LEAST_SECRET):
        yield userinfo
    if len(password) >= LEAST_SECRET:
        yield password
        yield unquote(password)
