"""The limit of open files. The soft one is often 1,024, for the sake of programs that use `select`; the hard one is what a
process may use without asking anybody."""

import contextlib
import resource
import shutil
from collections.abc import Iterator

# The limit belongs to the process, and so does what it was before: a global.
_former: list[int] = []


@contextlib.contextmanager
def raised_limit() -> Iterator[int]:
    """Within the block this process may open as many files as its hard limit allows. The value is the former soft limit, which
    children that are not ours should get back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # macOS allows less than its hard limit says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _former.append(soft)
    try:
        yield soft
    finally:
        _former.remove(soft)
        with contextlib.suppress(OSError, ValueError):  # a lower hard limit was set meanwhile
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def with_former_limit(*command: str) -> tuple[str, ...]:
    """The command as it is to be run by this process, so that it gets the soft limit which this process had before it raised
    it. A program that does not exist is not found either way."""
    if not _former or _former[0] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        return command
    if shutil.which(command[0]) is None:
        return command
    soft = "unlimited" if _former[0] == resource.RLIM_INFINITY else str(_former[0])
    # A shell, since code of Python's that runs between fork and exec may wait for ever for a lock of another thread.
    return ("/bin/sh", "-c", 'ulimit -S -n "$0" && exec "$@"', soft, *command)
