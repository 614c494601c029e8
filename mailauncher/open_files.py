"""The limit of open files. The soft one is often 1,024, for the sake of programs that use `select`; the hard one is what a
process may use without asking anybody."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def raised_limit() -> Iterator[int]:
    """Within the block this process may open as many files as its hard limit allows. The value is the former soft limit, which
    children that are not ours should get back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # macOS allows less than its hard limit says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield soft
    finally:
        with contextlib.suppress(OSError, ValueError):  # a lower hard limit was set meanwhile
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
