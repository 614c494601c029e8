"""What every step of the worker has at hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mailauncher.bots.deploying.command import Runner
from mailauncher.bots.deploying.interrupt import Interrupt
from mailauncher.bots.deploying.plan import Plan
from mailauncher.bots.deploying.report import Report
from mailauncher.bots.deploying.staging import Staging

OUTSIDE = Path("/")
"""Working folder of uv: one where it finds no project, in it or above it."""
LEAST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Work:
    """`folder` is the plan's."""

    folder: Path
    plan: Plan
    staging: Staging
    runner: Runner
    report: Report
    interrupt: Interrupt


def secrets_of(plan: Plan) -> tuple[str, ...]:
    """What must not be shown: users and passwords in addresses."""
    urls = [plan.index_url]
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
    # ssh://git@host: a user without a password is no secret there; over HTTP it may be a token.
    if colon or (url.startswith("http") and len(user) >= LEAST_SECRET):
        yield userinfo
    if len(password) >= LEAST_SECRET:
        yield password
        yield unquote(password)
