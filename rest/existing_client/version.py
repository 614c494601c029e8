"""The version of the launcher, and that client's update check, whose result it expects in `data` or in `data.data`,
depending on the page."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

import mailauncher
from mailauncher.errors import Text
from resolvers.context import Context
from rest.field_docs import about
from rest.operation import Call, Operation
from rest.values import StatusSuccess

GROUP = "version"
# Modification time of the package: it contains no other date of the release.
RELEASED = datetime.fromtimestamp(Path(mailauncher.__file__).stat().st_mtime, UTC).date().isoformat()


class LauncherVersion(msgspec.Struct):
    """The version of the launcher."""

    version: Annotated[str, about("版本号。", "Version.")]
    internal_version: Annotated[int, about("可比较大小的版本号。", "Version as a comparable number.")]
    release_date: Annotated[str, about("日期，YYYY-MM-DD。", "Date, YYYY-MM-DD.")]
    release_notes: Annotated[str, about("此版本的说明。", "Release notes.")]


class CurrentVersion(msgspec.Struct):
    """Version of the launcher."""

    status: StatusSuccess
    data: Annotated[LauncherVersion, about("启动器的版本。", "Version of the launcher.")]


class Update(msgspec.Struct, omit_defaults=True):
    """Whether a newer launcher exists. This one never checks: updates are up to the way it was installed."""

    status: StatusSuccess
    has_update: Annotated[bool, about("总是 false。", "Always false.", const=False)]
    latest_version: Annotated[str, about("最新版本。", "Newest version.")]
    latest_internal: Annotated[int, about("可比较大小的最新版本号。", "Version as a comparable number.")]
    update_url: Annotated[str, about("总是空。", "Always empty.")]
    release_notes: Annotated[str, about("此版本的说明。", "Release notes.")]
    release_date: Annotated[str, about("日期，YYYY-MM-DD。", "Date, YYYY-MM-DD.")]
    update_type: Annotated[str, about("总是 none。", "Always `none`.")]
    data: Annotated[Any, about("同样的内容再说一遍。", "The same object again, without this key.")] = None


class CheckedVersion(msgspec.Struct):
    """The result of the client's update check."""

    status: StatusSuccess
    data: Annotated[Update, about("检查的结果。", "Result of the check.")]


NOTES = Text("详见 CHANGELOG.md", "See CHANGELOG.md")


def internal_version(version: str) -> int:
    """Major * 10000 + minor * 100 + patch. Never 0, which that client takes for a missing value."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return (major * 10_000 + minor * 100 + patch) or 1


async def _current(_ctx: Context, call: Call) -> CurrentVersion:
    number = mailauncher.__version__
    notes = NOTES.in_language(call.language)
    return CurrentVersion("success", LauncherVersion(number, internal_version(number), RELEASED, notes))


async def _check(_ctx: Context, call: Call) -> CheckedVersion:
    number = mailauncher.__version__
    notes = NOTES.in_language(call.language)
    found = Update("success", False, number, internal_version(number), "", notes, RELEASED, "none")
    return CheckedVersion("success", msgspec.structs.replace(found, data=found))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/version/current",
        group=GROUP,
        text=Text("启动器版本", "Get the launcher's version"),
        handler=_current,
        response=CurrentVersion,
    ),
    Operation(
        method="GET",
        path="/api/v1/version/check",
        group=GROUP,
        text=Text("检查更新", "Check for a newer launcher"),
        handler=_check,
        response=CheckedVersion,
    ),
)
