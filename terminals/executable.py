"""The file that a command executes: whether it is a script for a shell, and why the system refuses to execute it."""

import errno
import os
import shutil
from pathlib import Path

from mailauncher import files
from mailauncher.errors import Text
from mailauncher.launch import Launch

HEAD_BYTES = 256  # what Linux itself reads of a script
SHELLS = frozenset({"sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "fish"})
_NO_SHELL = Text(
    '运行命令不经过 shell；需要时写成 `bash -c "…"`',
    'no shell runs the command: where it needs one, write `bash -c "..."`',
)


def is_shell_script(launch: Launch) -> bool:
    """Whether a command is a shell, or a script in the program's folder that one executes. (Scripts elsewhere, such as those
    of pyenv, execute another program in their place.) Reads the file."""
    program, folder = launch.argv[0], Path(launch.cwd)
    if Path(program).name in SHELLS:
        return True
    if "/" not in program or not (folder / program).is_relative_to(folder):
        return False
    words = _interpreter(_head(folder / program)).split()
    return any(Path(word).name in SHELLS for word in words[:2])  # also `#!/usr/bin/env bash`


def explain(launch: Launch, number: int) -> Text | None:
    """Why the system refused to execute a command with this error number, and what to do; None where that says nothing more.
    Reads the file."""
    program = launch.argv[0]
    if not files.is_folder(launch.cwd):
        return Text(
            f"文件夹不存在，或无权访问：{launch.cwd}", f"No such folder, or no access to it: {launch.cwd}"
        )
    found = _find(launch)
    match number:
        case errno.ENOENT | errno.ENOTDIR:
            return _missing(launch, program) if found is None else _missing_interpreter(program, _head(found))
        case errno.ENAMETOOLONG:
            return Text(
                f"程序的路径过长：{program[:80]}…；请改用较短的名称",
                f"The path of the program is too long: {program[:80]}...; give it a shorter name",
            )
        case errno.EACCES | errno.EPERM if found is not None:
            return _not_allowed(program, found)
        case errno.EACCES if "/" in program:
            return Text(
                f"无权进入 {program} 所在的文件夹：请为 MaiLauncher 的用户添加权限（chmod +x 文件夹）",
                f"A folder on the way to {program} may not be entered: allow MaiLauncher's user to, by chmod +x of the folder",
            )
        case errno.ENOEXEC if found is not None:
            return _wrong_format(program, _head(found))
    return None


def _find(launch: Launch) -> Path | None:
    """The file that stands for the program, be it executable or not."""
    program = launch.argv[0]
    if "/" in program:
        found = Path(launch.cwd, program)
        return found if files.exists(found) else None
    for mode in (os.X_OK, os.F_OK):
        if path := shutil.which(program, mode, launch.env.get("PATH")):
            return Path(path)
    return None


def _head(file: Path) -> bytes:
    """The first bytes; none of what is no file or may not be read."""
    try:
        with files.open_regular(file) as opened:
            return opened.read(HEAD_BYTES)
    except OSError:
        return b""


def _interpreter(head: bytes) -> str:
    """What stands after `#!`, a carriage return at its end included; empty for other files."""
    line = head.partition(b"\n")[0]
    return os.fsdecode(line[2:]).strip(" \t") if line.startswith(b"#!") else ""


def _missing(launch: Launch, program: str) -> Text:
    if files.is_file(Path(launch.cwd, program)):
        return Text(
            f"找不到程序 {program}；文件夹中有这个文件，请写成 ./{program}",
            f"No such program: {program}. There is a file of that name in the folder: write ./{program}",
        )
    return Text(f"找不到程序 {program}；{_NO_SHELL.zh}", f"No such program: {program}; {_NO_SHELL.en}")


def _missing_interpreter(program: str, head: bytes) -> Text:
    interpreter = _interpreter(head)
    if interpreter.endswith("\r"):
        return Text(
            f"{program} 是 Windows 换行格式，系统找不到它的解释器；请转换：sed -i 's/\\r$//' {program}",
            f"{program} has Windows line ends, and its interpreter is not found for that:"
            f" convert it with `sed -i 's/\\r$//' {program}`",
        )
    if interpreter:
        return Text(
            f"{program} 第一行指定的解释器不存在：{interpreter}",
            f"The interpreter in the first line of {program} does not exist: {interpreter}",
        )
    return Text(
        f"{program} 所需的动态链接器不存在：它是为另一种系统编译的",
        f"The dynamic linker of {program} does not exist: it was built for another system",
    )


def _not_allowed(program: str, found: Path) -> Text:
    if files.is_folder(found):
        return Text(f"{program} 是文件夹，不是程序", f"{program} is a folder, not a program")
    if not os.access(found, os.X_OK):
        return Text(
            f"{program} 没有执行权限：chmod +x {program}，或写成 bash {program} 这样的命令",
            f"{program} is not executable: `chmod +x {program}`, or name its interpreter, as in `bash {program}`",
        )
    return Text(
        f"无法执行 {program}：没有权限执行它或它的解释器，或其文件系统不允许执行程序",
        f"{program} cannot be executed: neither it nor its interpreter may be, or its file system allows no programs",
    )


def _wrong_format(program: str, head: bytes) -> Text:
    if head.startswith(b"MZ"):
        return Text(f"{program} 是 Windows 程序", f"{program} is a program for Windows")
    if head.startswith((b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")):
        machine = os.uname().machine
        return Text(
            f"{program} 是为另一种机器编译的，本机是 {machine}",
            f"{program} was built for another kind of machine than this one ({machine})",
        )
    return Text(
        f"系统无法执行 {program}：脚本的第一行应为 #!/bin/bash 之类，或写成 bash {program}",
        f"{program} is in no format that can be executed: a script needs a first line such as #!/bin/bash;"
        f" or run it as `bash {program}`",
    )
