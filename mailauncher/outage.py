"""What is tried again and again, and fails for a while: the log says when that begins and when it ends, not each time."""

import logging


class Outage:
    """Of one activity. `what` is the subject of the sentences in the log, such as "sampling the machine"."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._lasts = False

    def failed(self, why: object) -> None:
        """Logs that it fails, the first time since it worked."""
        if not self._lasts:
            self._lasts = True
            self._log.error("%s fails, and is tried again until it works: %s", self._what, why)

    def worked(self) -> None:
        """Logs that it works again, if it had failed."""
        if self._lasts:
            self._lasts = False
            self._log.warning("%s works again", self._what)
