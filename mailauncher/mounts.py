"""What is mounted in a folder, such as single files and volumes of a container. They cannot be renamed, and what is renamed
around them takes them along until the next mount."""

import re
from pathlib import Path, PurePosixPath

_TABLE = Path("/proc/self/mountinfo")  # only Linux has it, and containers
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def beneath(folder: Path) -> list[PurePosixPath]:
    """The places of mounts in a folder whose links are resolved, relative to it, `.` for itself; sorted. Empty where the
    system does not tell. Blocks."""
    try:
        lines = _TABLE.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    places = {PurePosixPath(_unescaped(line.split(b" ")[4])) for line in lines}
    return sorted(place.relative_to(folder) for place in places if place.is_relative_to(folder))


def _unescaped(place: bytes) -> str:
    """Blanks and backslashes are octal there."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), place).decode("utf-8", "surrogateescape")
