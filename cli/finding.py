"""What one check of `doctor` has found."""

from typing import NamedTuple

from mailauncher.errors import Text

OK, WARN, FAIL = "ok", "warn", "fail"


class Finding(NamedTuple):
    """The result of one check; `warn` and `fail` come with a remedy."""

    verdict: str
    what: Text
    remedy: Text | None = None
