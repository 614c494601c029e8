"""The gateway's host key: made once, readable by the server's user alone."""

import os
import stat
from pathlib import Path

import asyncssh

from mailauncher import files, host_key
from mailauncher.errors import InsufficientSpace, InvalidPath, LauncherError
from mailauncher.host_key import FOLDER, PRIVATE, PUBLIC

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def load(data: Path) -> asyncssh.SSHKey:
    """The host key, which is made if there is none. Blocks.

    Raises InvalidPath or InsufficientSpace. A key that cannot be used is never replaced: clients know it, and would take the next
    one for an attack.
    """
    folder = data / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not host_key.is_there(data):
            made = asyncssh.generate_private_key("ssh-ed25519", comment="mailauncher")
            files.write(folder / PRIVATE, made.export_private_key())
        key = read(data)
        public = key.export_public_key()
        if not files.is_file(folder / PUBLIC) or files.read(folder / PUBLIC) != public:
            files.write(folder / PUBLIC, public, mode=0o644)
    except FileExistsError:
        raise InvalidPath(f"{folder} 不是文件夹", f"{folder} is not a folder", field="ssh") from None
    except OSError as error:
        raise _unusable(folder, str(error.strerror), str(error.strerror), full=files.is_full(error)) from None
    return key


def read(data: Path) -> asyncssh.SSHKey:
    """The host key that is there. Blocks. Raises InvalidPath."""
    folder = data / FOLDER
    try:
        with files.open_regular(folder / PRIVATE) as opened:
            if os.fstat(opened.fileno()).st_mode & _OTHERS:
                raise _unusable(
                    folder, "其他用户可以读写它：chmod 600", "others may read or write it: chmod 600"
                )
            return asyncssh.import_private_key(opened.read(files.RECORD_BYTES))
    except OSError as error:
        raise _unusable(folder, str(error.strerror), str(error.strerror)) from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise _unusable(
            folder, f"不是没有口令的私钥（{error}）", f"not a private key without a passphrase ({error})"
        ) from None


def _unusable(folder: Path, zh: str, en: str, *, full: bool = False) -> LauncherError:
    file = folder / PRIVATE
    return (InsufficientSpace if full else InvalidPath)(
        f"SSH 主机密钥 {file} 无法使用：{zh}", f"The SSH host key {file} cannot be used: {en}", field="ssh"
    )
