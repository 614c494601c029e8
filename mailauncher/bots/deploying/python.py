"""A component's own Python environment and what is installed in it, by uv.

uv works in a folder without a project, so that what a bot's `pyproject.toml` says of indexes counts only where the plan
wants it; an index that the plan names goes through the environment, since its address may hold a password.
"""

import hashlib
import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from mailauncher.bots.deploying.command import Finished
from mailauncher.bots.deploying.git import full
from mailauncher.bots.deploying.plan import Component
from mailauncher.bots.deploying.report import Share, StepFailed, part
from mailauncher.bots.deploying.staging import inside, remove
from mailauncher.bots.deploying.work import OUTSIDE, Work
from mailauncher.errors import DeploymentFailed, DownloadFailed, Text
from mailauncher.launch import child_environment

VENV = ".venv"
REQUIREMENTS_BYTES = 1 << 20
PROJECT = "project"
_ASK_S = 120
# What would lead uv to another project, environment or Python than the one it is told.
_MISLEADING = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "UV_NO_PROGRESS",
)
_UNREACHABLE = (
    r"failed to (?:fetch|download)",
    r"error sending request",
    r"connect error",
    r"dns error",
    r"request failed after",
    r"timed out",
    r"connection (?:reset|refused|closed)",
)
_COUNTED = re.compile(r"Preparing packages\D*\((\d+)/(\d+)\)|\[(\d+)/(\d+)\]")
_INDEX_OPTION = re.compile(
    r"\s*(?:-i|-f|--index-url|--extra-index-url|--default-index|--index|--find-links|--no-index|--trusted-host)\b"
)
_NESTED = re.compile(r"(\s*(?:-r|--requirement|-c|--constraint)(?:\s+|=))(\S.*)")
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


def environment_of(work: Work, component: Component) -> Path | None:
    """The folder of the environment that a component's packages go to: its own, for a hosted one the main program's; None
    where it needs none."""
    if component.install.python:
        return work.staging.place(component) / VENV
    wanted = component.install.requirements or component.install.packages
    if component.install.hosted and wanted and work.plan.main.install.python:
        return work.staging.place(work.plan.main) / VENV
    return None


def installed(work: Work, component: Component) -> bool:
    """Whether a component's packages are all there already."""
    venv = environment_of(work, component)
    if venv is None:
        return True
    same = work.staging.marked(f"{component.name}.packages") == _fingerprint(component)
    return same and (venv / "bin" / "python").exists()


def create(work: Work, component: Component, share: Share) -> None:
    """A new environment; one that is there is replaced, since an installation into it may have been cut short.

    Raises StepFailed: no Python fits, or the one that does could not be downloaded.
    """
    if not component.install.python:
        return
    python = _found(work, component.install.python) or _downloaded(work, component.install.python, share)
    venv = work.staging.place(component) / VENV
    remove(venv)  # a link that the repository brings is not followed
    finished = _uv(work, "venv", "--no-project", "--relocatable", "--python", python, "--", str(venv))
    if not finished.ok:
        raise _failed(
            finished, venv, Text("无法创建 Python 环境", "The Python environment could not be made")
        )


def install(work: Work, component: Component, share: Share) -> None:
    """Installs what the component's lock, else its requirements say, and its recipe's packages. Raises StepFailed."""
    venv = environment_of(work, component)
    if venv is None:
        return
    words = _wanted(work, component, venv / "bin" / "python")
    if words:
        place = work.staging.place(component)

        def read(line: str) -> None:
            share(_progress(line))

        finished = _uv(
            work,
            *("pip", "install", "--python", str(venv / "bin" / "python"), *words),
            cwd=place if work.plan.index_url == PROJECT else OUTSIDE,
            on_line=read,
        )
        if not finished.ok:
            raise _failed(finished, venv, Text("安装依赖失败", "Dependencies could not be installed"))
    work.staging.mark(f"{component.name}.packages", _fingerprint(component))


def _fingerprint(component: Component) -> str:
    said = msgspec.json.encode((component.install, component.source))
    return hashlib.sha256(said).hexdigest()


def _wanted(work: Work, component: Component, python: Path) -> list[str]:
    """What to install, as uv's arguments."""
    place, install = work.staging.place(component), component.install
    words: list[str] = []
    locked = _exported(work, component, python) if install.lock else None
    if locked is not None:
        words += ["-r", str(locked)]
    elif install.requirements:
        file = inside(place, install.requirements)
        if not file.is_file():
            raise DeploymentFailed(
                f"{component.name} 缺少 {install.requirements}",
                f"{component.name} has no {install.requirements}",
            )
        words += ["-r", str(file if work.plan.index_url == PROJECT else _without_indexes(work, file))]
    return [*words, "--", *install.packages] if install.packages else words


def _exported(work: Work, component: Component, python: Path) -> Path | None:
    """What the project's lock pins, without the addresses that it pins them to; None without a lock that can be read."""
    place = work.staging.place(component)
    if not inside(place, "uv.lock").is_file() or not inside(place, "pyproject.toml").is_file():
        return None
    file = work.staging.part().with_suffix(".txt")
    finished = _uv(
        work,
        *("export", "--quiet", "--project", str(place), "--frozen", "--no-dev", "--no-emit-project"),
        *("--no-hashes", "--no-python-downloads", "--python", str(python), "--output-file", str(file)),
    )
    if finished.ok:
        return file
    if finished.disk_full:
        raise StepFailed(full(file), finished.lines)
    work.report.note(
        Text(
            f"{component.name} 的 uv.lock 无法使用，改用 {component.install.requirements or '配方中的包'}",
            f"The uv.lock of {component.name} cannot be used; going on with "
            f"{component.install.requirements or 'the packages of its recipe'}",
        )
    )
    return None


def _without_indexes(work: Work, file: Path) -> Path:
    """The requirements, without lines that say where packages come from. MaiBot's were UTF-16 once."""
    with file.open("rb") as opened:
        content = opened.read(REQUIREMENTS_BYTES + 1)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        lines = content.decode(encoding).splitlines()
    except UnicodeDecodeError:
        return file
    if len(content) > REQUIREMENTS_BYTES or not any(map(_INDEX_OPTION.match, lines)):
        return file
    kept = [_NESTED.sub(lambda m: m[1] + str(file.parent / m[2].strip()), line) for line in lines]
    copy = work.staging.part().with_suffix(".txt")
    copy.write_text("\n".join(line for line in kept if not _INDEX_OPTION.match(line)), "utf-8")
    return copy


def _progress(line: str) -> float:
    """How far an installation is, from a line of uv's."""
    if line.startswith(("Resolved", "Checked")):
        return 0.15
    if line.startswith("Prepared"):
        return 0.85
    if line.startswith("Installed"):
        return 1.0
    if (found := _COUNTED.search(line)) is None:
        return 0.0
    prepared, of, placed, of_placed = (int(number or 0) for number in found.groups())
    if of:
        return 0.15 + 0.7 * prepared / of
    return 0.85 + 0.15 * placed / of_placed if of_placed else 0.0


def _found(work: Work, wanted: str) -> str | None:
    done = _ask(work, "python", "find", "--system", "--no-project", "--no-python-downloads", "--", wanted)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _downloaded(work: Work, wanted: str, share: Share) -> str:
    here = ", ".join(_versions(work)) or "-"
    if work.plan.python_downloads:
        work.report.note(
            Text(
                f"本机没有符合 {wanted} 的 Python（已有：{here}），正在下载",
                f"No Python here fits {wanted} (found: {here}); downloading one",
            )
        )
        finished = _uv(work, "python", "install", "--no-bin", "--", wanted)
        part(share, 0, 0.9)(1)
        if finished.disk_full:
            raise StepFailed(full(work.staging.folder), finished.lines)
        if finished.ok and (python := _found(work, wanted)) is not None:
            return python
        raise StepFailed(
            DownloadFailed(
                f"需要 Python {wanted}（已有：{here}），下载失败：请检查网络，或自行安装后重试",
                f"Python {wanted} is needed (found: {here}) and could not be downloaded: check the network, or install it, "
                "then retry",
            ),
            finished.lines,
        )
    raise StepFailed(
        DeploymentFailed(
            f"需要 Python {wanted}（已有：{here}）：请安装后重试，或在设置中允许下载（python_downloads）",
            f"Python {wanted} is needed (found: {here}): install it and retry, or allow downloads (python_downloads)",
        )
    )


def _versions(work: Work) -> list[str]:
    """The Pythons here, newest first."""
    done = _ask(work, "python", "list", "--only-installed", "--output-format", "json")
    try:
        return list(dict.fromkeys(str(found["version"]) for found in json.loads(done.stdout)))
    except (ValueError, TypeError, KeyError):
        return []


def _ask(work: Work, *words: str) -> "subprocess.CompletedProcess[str]":
    """Of a command that answers at once, the answer; its warnings about other Pythons are of no interest."""
    try:
        return subprocess.run(
            [work.plan.uv, *words],
            cwd=OUTSIDE,
            env=_environment(work),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", "")


def _uv(
    work: Work, *words: str, cwd: Path = OUTSIDE, on_line: Callable[[str], None] = lambda line: None
) -> Finished:
    return work.runner.run([work.plan.uv, *words], env=_environment(work), cwd=cwd, on_line=on_line)


def _environment(work: Work) -> dict[str, str]:
    env = {name: value for name, value in child_environment().items() if name not in _MISLEADING}
    if work.plan.index_url and work.plan.index_url != PROJECT:
        env["UV_DEFAULT_INDEX"] = work.plan.index_url
    return env


def _failed(finished: Finished, place: Path, what: Text) -> StepFailed:
    if finished.disk_full:
        return StepFailed(full(place), finished.lines)
    reason = next((line for line in finished.lines if "error:" in line), "").partition("error:")[2].strip()
    zh, en = f"：{reason}" if reason else "", f": {reason}" if reason else ""
    if (
        not reason and finished.status < 0
    ):  # nobody but the system, when memory runs out, is likely to have done that
        name = signal.Signals(-finished.status).name
        zh, en = (
            f"：uv 被信号 {name} 结束，可能是内存不足",
            f": uv was ended by {name}, perhaps for want of memory",
        )
    if finished.said(*_UNREACHABLE):
        return StepFailed(
            DownloadFailed(
                f"{what.zh}{zh}。请检查网络与包索引（python_index_url）后重试",
                f"{what.en}{en}. Check the network and the package index (python_index_url), then retry",
            ),
            finished.lines,
        )
    return StepFailed(DeploymentFailed(f"{what.zh}{zh}", f"{what.en}{en}"), finished.lines)
