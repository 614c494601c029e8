"""The limit of open files was what the shell happened to set, often 1,024, although the system allowed more."""

import resource

from mailauncher.open_files import raised_limit


def test_the_soft_limit_is_the_hard_one_within_the_block() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = min(soft, 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, hard))
    try:
        with raised_limit() as former:
            assert (former, resource.getrlimit(resource.RLIMIT_NOFILE)) == (lower, (hard, hard))
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (lower, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
