"""The files of the SSH gateway in the data folder, as far as clients have to know them."""

import os
from dataclasses import dataclass
from pathlib import Path

from mailauncher import files, public_keys
from mailauncher.errors import InvalidParameter

FOLDER = "ssh"
PRIVATE = "host_ed25519"
PUBLIC = f"{PRIVATE}.pub"
FIRST_KEY = "first-key"
"""What a client writes to prove that it is the server's user, on the server's machine."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """`line` is type and base64."""

    line: str
    fingerprint: str

    def known_hosts(self, host: str, port: int) -> str:
        """The line for a client's `known_hosts`."""
        return f"[{host}]:{port} {self.line}" if port != 22 else f"{host} {self.line}"


def is_there(data: Path) -> bool:
    """Whether there is a private host key, or a link to one, which may be on a disk that is away. Blocks."""
    return os.path.lexists(data / FOLDER / PRIVATE)


def read_public(data: Path) -> HostKey | None:
    """The host key of the server with this data folder; None if it has none yet, or it cannot be read. Blocks."""
    try:
        key = public_keys.parse(files.read(data / FOLDER / PUBLIC).decode("utf-8", "replace"))
    except (OSError, InvalidParameter):
        return None
    return HostKey(key.line, key.fingerprint)
