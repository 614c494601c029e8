"""Creates the Python environment of a component and installs its packages, with uv.

uv runs in a folder without a project, so that the indexes in a bot's `pyproject.toml` apply only if the plan says so. An
index URL of the plan is passed in the environment, because it may hold a password.
"""

import hashlib
import re
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec

from bots.deploying import interpreter
from bots.deploying.cloning import disk_full_error
from bots.deploying.command import CommandResult
from bots.deploying.interpreter import OUTSIDE, Interpreter
from bots.deploying.plan import Component
from bots.deploying.report import ProgressCallback, StepFailed, progress_part
from bots.deploying.staging import inside, remove
from bots.deploying.worker_context import WorkerContext
from mailauncher import files
from mailauncher.errors import DeploymentFailed, DownloadFailed, Text

VENV = ".venv"
PYTHON_BUILDS = "https://github.com/astral-sh/python-build-standalone/releases/download"
"""Where uv downloads Pythons from."""
REQUIREMENTS_BYTES = 1 << 20
PROJECT = "project"
_UNREACHABLE = (
    r"failed to (?:fetch|download)",
    r"error sending request",
    r"connect error",
    r"dns error",
    r"request failed after",
    r"timed out",
    r"connection (?:reset|refused|closed)",
)
_COUNTED = re.compile(r"Preparing packages\D*\((\d{1,6})/(\d{1,6})\)|\[(\d{1,6})/(\d{1,6})\]")
_BUILDING = re.compile(r"\s*Building ([\w.-]{1,80}(?:==[\w.+!-]{1,40})?)\s*$")
_BUILDS = 100
"""More packages than are ever compiled; the lines may be those of a package's own build."""
_INDEX_OPTION = re.compile(
    r"\s*(?:-i|-f|--index-url|--extra-index-url|--default-index|--index|--find-links|--no-index|--trusted-host)\b"
)
# From the start of the line alone: looked for everywhere, a row of blanks is read anew from each of them on.
_NESTED = re.compile(r"^(\s*(?:-r|--requirement|-c|--constraint)(?:\s+|=))(\S.*)")
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


def environment_of(work: WorkerContext, component: Component) -> Path | None:
    """The folder of the environment for a component's packages: its own, or the main program's for a hosted component; None
    if it needs none."""
    if component.install.python:
        return work.staging.path_of(component) / VENV
    wanted = component.install.requirements or component.install.packages
    if component.install.hosted and wanted and work.plan.main.install.python:
        return work.staging.path_of(work.plan.main) / VENV
    return None


def installed(work: WorkerContext, component: Component) -> bool:
    """Whether a component's packages are completely installed."""
    venv = environment_of(work, component)
    if venv is None:
        return True
    same = work.staging.read_mark(f"{component.name}.packages") == _fingerprint(component)
    return same and files.exists(venv / "bin" / "python")


def announce(work: WorkerContext) -> None:
    """Notes which Python each component that is not installed yet gets. Raises StepFailed, DeploymentFailed."""
    missing = [c for c in work.components if c.install.python and not installed(work, c)]
    for wanted in dict.fromkeys(component.install.python for component in missing):
        names = ", ".join(component.name for component in missing if component.install.python == wanted)
        if (found := _installed_python(work, wanted)) is not None:
            work.report.note(Text(f"{names}：{found}", f"{names}: {found}"))
        else:
            zh = f"{names}：没有已安装的 Python 符合 {wanted}，将下载一个"
            en = f"{names}: no installed Python fits {wanted}; one will be downloaded"
            work.report.note(Text(zh, en))


def create(work: WorkerContext, component: Component, on_progress: ProgressCallback) -> None:
    """Creates a new environment. An existing one is replaced, because an installation into it may have been interrupted.

    Raises StepFailed: no Python fits, or it could not be downloaded.
    """
    if not component.install.python:
        return
    wanted = component.install.python
    found = _installed_python(work, wanted)
    python = found.path if found else _downloaded(work, wanted, on_progress)
    venv = work.staging.path_of(component) / VENV
    remove(venv)  # does not follow a link from the repository
    result = _uv(work, "venv", "--no-project", "--relocatable", "--python", python, "--", str(venv))
    if not result.ok:
        raise _failed(result, venv, Text("无法创建 Python 环境", "Cannot create the Python environment"))


def install(work: WorkerContext, component: Component, on_progress: ProgressCallback) -> None:
    """Installs the component's lock, else its requirements, and the packages of its recipe. Raises StepFailed."""
    venv = environment_of(work, component)
    if venv is None:
        return
    words = _package_arguments(work, component, venv / "bin" / "python")
    if words:
        place = work.staging.path_of(component)

        announce_build = _build_announcer(work.report.note)

        def read(line: str) -> None:
            if (text := _counted(line)) is not None:
                work.report.detail(text)
            on_progress(_progress(line))
            announce_build(line)

        result = _uv(
            work,
            *("pip", "install", "--python", str(venv / "bin" / "python"), *words),
            cwd=place if work.plan.index_url == PROJECT else OUTSIDE,
            on_line=read,
        )
        if not result.ok:
            raise _failed(result, venv, Text("安装依赖失败", "Cannot install the dependencies"))
    work.staging.write_mark(f"{component.name}.packages", _fingerprint(component))


def _fingerprint(component: Component) -> str:
    content = msgspec.json.encode((component.install, component.source))
    return hashlib.sha256(content).hexdigest()


def _package_arguments(work: WorkerContext, component: Component, python: Path) -> list[str]:
    """The packages to install, as arguments of uv. Raises StepFailed, DeploymentFailed."""
    place, install = work.staging.path_of(component), component.install
    words: list[str] = []
    locked = _export_lock(work, component, python) if install.lock else None
    if locked is not None:
        words += ["-r", str(locked)]
    elif install.requirements:
        file = inside(place, install.requirements)
        if not files.is_file(file):
            raise DeploymentFailed(
                f"{component.name} 缺少 {install.requirements}",
                f"{component.name} has no {install.requirements}",
            )
        words += ["-r", str(file if work.plan.index_url == PROJECT else _without_indexes(work, file))]
    return [*words, "--", *install.packages] if install.packages else words


def _export_lock(work: WorkerContext, component: Component, python: Path) -> Path | None:
    """A file with the versions that the project's lock pins, without their URLs; None if there is no usable lock."""
    place = work.staging.path_of(component)
    if not files.is_file(inside(place, "uv.lock")) or not files.is_file(inside(place, "pyproject.toml")):
        return None
    file = work.staging.new_part().with_suffix(".txt")
    result = _uv(
        work,
        *("export", "--quiet", "--project", str(place), "--frozen", "--no-dev", "--no-emit-project"),
        *("--no-hashes", "--no-python-downloads", "--python", str(python), "--output-file", str(file)),
    )
    if result.ok:
        return file
    if result.disk_full:
        raise StepFailed(disk_full_error(file), result.lines)
    work.report.note(
        Text(
            f"{component.name} 的 uv.lock 无法使用，改用 {component.install.requirements or '配方中的包'}",
            f"The uv.lock of {component.name} is not usable; continuing with "
            f"{component.install.requirements or 'the packages of its recipe'}",
        )
    )
    return None


def _without_indexes(work: WorkerContext, file: Path) -> Path:
    """The requirements without options that name package indexes. MaiBot's file has been UTF-16 in some versions."""
    with files.open_regular(file) as opened:
        content = opened.read(REQUIREMENTS_BYTES + 1)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        lines = content.decode(encoding).splitlines()
    except UnicodeDecodeError:
        return file
    if len(content) > REQUIREMENTS_BYTES or not any(map(_INDEX_OPTION.match, lines)):
        return file
    kept = [_NESTED.sub(lambda m: m[1] + str(file.parent / m[2].strip()), line) for line in lines]
    copy = work.staging.new_part().with_suffix(".txt")
    copy.write_text("\n".join(line for line in kept if not _INDEX_OPTION.match(line)), "utf-8")
    return copy


def _build_announcer(note: Callable[[Text], None]) -> Callable[[str], None]:
    """Notes once for each package that uv builds it, from the lines of its output. It repeats them while it draws."""
    seen: set[str] = set()

    def read(line: str) -> None:
        found = _BUILDING.match(line)
        if found and found[1] not in seen and len(seen) < _BUILDS:
            seen.add(found[1])
            zh, en = (
                f"正在编译 {found[1]}，可能需要几分钟",
                f"Building {found[1]}, which may take some minutes",
            )
            note(Text(zh, en))

    return read


def _progress(line: str) -> float:
    """The finished share of an installation, from a line of uv's output; 0 if the line does not tell."""
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


def _counted(line: str) -> Text | None:
    """How many packages are done, from a line of uv's output."""
    if (found := _COUNTED.search(line)) is None:
        return None
    prepared, of, placed, of_placed = found.groups()
    if "0" in (of, of_placed):
        return None
    if of:
        return Text(
            f"正在下载和编译依赖：{prepared}/{of}", f"Downloading and building packages: {prepared} of {of}"
        )
    return Text(f"正在安装依赖：{placed}/{of_placed}", f"Installing packages: {placed} of {of_placed}")


def _installed_python(work: WorkerContext, wanted: str) -> Interpreter | None:
    """None: one has to be downloaded. Raises StepFailed if that is not allowed, DeploymentFailed if no chosen one fits."""
    found = interpreter.find(work.plan.uv, wanted, work.plan.python)
    if found is None and not work.plan.python_downloads:
        here = ", ".join(interpreter.installed_versions(work.plan.uv)) or "-"
        raise StepFailed(
            DeploymentFailed(
                f"需要 Python {wanted}（已有：{here}）：请安装后重试，或在设置中允许下载（python_downloads）",
                f"Python {wanted} is required (found: {here}): install it and retry, or allow downloads (python_downloads)",
            )
        )
    return found


def _downloaded(work: WorkerContext, wanted: str, on_progress: ProgressCallback) -> str:
    """Raises StepFailed."""
    here = ", ".join(interpreter.installed_versions(work.plan.uv)) or "-"
    result = _uv(work, "python", "install", "--no-bin", "--", wanted)
    progress_part(on_progress, 0, 0.9)(1)
    if result.disk_full:
        raise StepFailed(disk_full_error(work.staging.folder), result.lines)
    if result.ok and (python := interpreter.find(work.plan.uv, wanted)) is not None:
        return python.path
    raise StepFailed(
        DownloadFailed(
            f"需要 Python {wanted}（已有：{here}），下载失败：请检查网络，或自行安装后重试",
            f"Python {wanted} is required (found: {here}) and could not be downloaded: check the network, or install it, then retry",
        ),
        result.lines,
    )


def _uv(
    work: WorkerContext, *words: str, cwd: Path = OUTSIDE, on_line: Callable[[str], None] = lambda line: None
) -> CommandResult:
    return work.runner.run([work.plan.uv, *words], env=_environment(work), cwd=cwd, on_line=on_line)


def _environment(work: WorkerContext) -> dict[str, str]:
    env = interpreter.uv_environment()
    if work.plan.index_url and work.plan.index_url != PROJECT:
        env["UV_DEFAULT_INDEX"] = work.plan.index_url
    if work.plan.github_mirror:
        env.setdefault("UV_PYTHON_INSTALL_MIRROR", work.plan.github_mirror + PYTHON_BUILDS)
    return env


def _failed(result: CommandResult, place: Path, what: Text) -> StepFailed:
    if result.disk_full:
        return StepFailed(disk_full_error(place), result.lines)
    reason = next((line for line in result.lines if "error:" in line), "").partition("error:")[2].strip()
    zh, en = f"：{reason}" if reason else "", f": {reason}" if reason else ""
    if not reason and result.status < 0:  # most likely the system, when it ran out of memory
        name = signal.Signals(-result.status).name
        zh, en = (
            f"：uv 被信号 {name} 结束，可能是内存不足",
            f": uv was ended by {name}, perhaps for lack of memory",
        )
    if result.mentions(*_UNREACHABLE):
        return StepFailed(
            DownloadFailed(
                f"{what.zh}{zh}。请检查网络与包索引（python_index_url）后重试",
                f"{what.en}{en}. Check the network and the package index (python_index_url), then retry",
            ),
            result.lines,
        )
    return StepFailed(DeploymentFailed(f"{what.zh}{zh}", f"{what.en}{en}"), result.lines)
