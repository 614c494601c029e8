"""The user's home folder, which not everybody has: a service may run without HOME, as a user without an entry in passwd."""

import contextlib
import os
import pwd
from pathlib import Path

from mailauncher.errors import InvalidPath


def home() -> Path | None:
    """None if there is none. An empty or relative HOME counts as not set."""
    found = os.environ.get("HOME", "")
    if not Path(found).is_absolute():
        try:
            found = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return Path(found) if Path(found).is_absolute() else None


def expand(path: str | Path) -> Path:
    """The absolute path, with `~` at its start expanded. Raises InvalidPath where that home folder is not known."""
    first, *rest = Path(path).parts or ("",)
    if first == "~" and (own := home()) is not None:
        return own.joinpath(*rest)
    with contextlib.suppress(RuntimeError):  # of another user, whose name follows
        if first != "~":
            return Path(path).expanduser().absolute()
    raise InvalidPath(
        f"{path} 中的主目录未知：请给出绝对路径",
        f"The home folder in {path} is not known: give an absolute path",
        field="path",
    )


def provide(data: Path) -> None:
    """Gives this process, and with it git, uv and the bots, the folder `home` in the data folder as a home, if it has none.
    Without one, uv keeps its cache wherever it is run. Raises InvalidPath."""
    if home() is not None:
        return
    folder = data / "home"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InvalidPath(
            f"无法创建文件夹 {folder}：{error.strerror}",
            f"Cannot create the folder {folder}: {error.strerror}",
        ) from None
    os.environ["HOME"] = str(folder)
