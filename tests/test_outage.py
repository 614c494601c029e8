"""What failed each second filled the log with a traceback each second."""

import logging

import pytest

from mailauncher.outage import Outage


def test_the_beginning_and_the_end_of_an_outage_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(logging.getLogger("test"), "sampling")
    outage.worked()
    for reason in ("no descriptors", "no memory"):
        outage.failed(OSError(reason))
    outage.worked()
    outage.worked()
    outage.failed(OSError("no space"))
    assert [record.getMessage() for record in caplog.records] == [
        "sampling fails, and is tried again until it works: no descriptors",
        "sampling works again",
        "sampling fails, and is tried again until it works: no space",
    ]
