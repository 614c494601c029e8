"""What `doctor` checks for bots: recipes, their Pythons, and what NapCat needs on Linux."""

import shutil
import subprocess
import sys
from collections.abc import Iterator

from bots.catalogue import Catalogue
from bots.deploying import interpreter
from cli.finding import FAIL, OK, WARN, Finding
from mailauncher.errors import LauncherError, Text
from mailauncher.settings import Settings

_LDCONFIG_S = 30
_QQ_LIBRARIES = {
    "libnss3.so": "libnss3",
    "libgbm.so.1": "libgbm1",
    "libasound.so.2": "libasound2",
    "libgtk-3.so.0": "libgtk-3-0",
}
"""Libraries that QQ loads, each with its Debian package."""


def examine(settings: Settings, uv: str | None) -> Iterator[Finding]:
    """`uv` None: it was not found."""
    catalogue = Catalogue.load(settings.data_folder)
    for file, problem in catalogue.problems.items():
        what = Text(f"配方 {file} 无效：{problem}", f"Recipe {file} is invalid: {problem}")
        yield Finding(FAIL, what, Text("改正后再试", "correct it and try again"))
    if uv is not None:
        for wanted, whose in _ranges(catalogue):
            yield _python(settings, uv, wanted, whose)
    if sys.platform == "linux":
        yield _napcat()


def _ranges(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Each range of Pythons, with the bots and services whose versions have it."""
    found: dict[str, dict[str, list[str]]] = {}
    for recipe in catalogue.recipes.values():
        own = recipe.install.python if recipe.install else ""
        families = {family.versions: family.install for family in recipe.families} or {"": None}
        for versions, install in families.items():
            impossible = install is not None and install.impossible is not None
            if not impossible and (wanted := (install.python if install else "") or own):
                found.setdefault(wanted, {}).setdefault(recipe.name, []).append(versions)
    return [
        (wanted, ", ".join(f"{name} {_joined(versions)}".strip() for name, versions in whose.items()))
        for wanted, whose in found.items()
    ]


def _joined(ranges: list[str]) -> str:
    """Adjacent ranges as one: from the lower bound of the first to the upper bound of the last."""
    bounds = ranges[0].split(",")[0].strip(), ranges[-1].split(",")[-1].strip()
    return " ".join(dict.fromkeys(bounds))


def _python(settings: Settings, uv: str, wanted: str, whose: str) -> Finding:
    try:
        found = interpreter.find(uv, wanted, settings.python)
    except LauncherError as error:
        return Finding(FAIL, Text(f"{whose}：{error.text.zh}", f"{whose}: {error.text.en}"), _CORRECT)
    if found is not None:
        return Finding(OK, Text(f"{found}，用于 {whose}", f"{found} for {whose}"))
    what = Text(
        f"没有已安装的 Python 符合 {wanted}（{whose} 需要）",
        f"No installed Python fits {wanted}, needed by {whose}",
    )
    if settings.python_downloads:
        remedy = Text(
            "部署时会下载一个；也可以自行安装，或在设置 python 中指定",
            "a deployment downloads one; or install one, or name it in the setting python",
        )
        return Finding(WARN, what, remedy)
    remedy = Text(
        "安装一个，或在设置 python 中指定，或允许下载（python_downloads）",
        "install one, name it in the setting python, or allow downloads (python_downloads)",
    )
    return Finding(WARN, what, remedy)


_CORRECT = Text("改正设置 python", "correct the setting python")


def _napcat() -> Finding:
    """NapCat runs inside QQ, which needs a display and the libraries of a desktop."""
    missing = [] if shutil.which("xvfb-run") else ["xvfb"]
    if (libraries := _libraries()) is not None:
        missing += [package for name, package in _QQ_LIBRARIES.items() if name not in libraries]
    if not missing:
        return Finding(
            OK, Text("NapCat 所需的系统软件包已安装", "The system packages that NapCat needs are installed")
        )
    names = " ".join(missing)
    return Finding(
        WARN,
        Text(
            f"没有找到 {names}：由本程序安装的 NapCat 需要",
            f"{names} not found: needed by a NapCat that is deployed",
        ),
        Text(
            f"如需要：apt install {names}（需要 root）", f"if you want NapCat: apt install {names} (as root)"
        ),
    )


def _libraries() -> set[str] | None:
    """The names of the shared libraries that the system knows; None where it does not tell."""
    program = shutil.which("ldconfig", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-p"],
            capture_output=True,
            text=True,
            timeout=_LDCONFIG_S,
            check=True,
            env={"LC_ALL": "C"},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {line.split()[0] for line in done.stdout.splitlines() if "=>" in line}
