"""The clients' locks install from whatever registry is configured."""

import re

from tests.support.graphql_clients import FOLDER


def test_no_lock_names_a_registry() -> None:
    """A lock with addresses can be installed only where those are reached."""
    npm = (FOLDER / "npm" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in npm
    assert '"integrity"' in npm
    pypi = (FOLDER / "pypi" / "requirements.lock").read_text("utf-8")
    assert not re.search(r"https?:|--(extra-)?index-url", pypi)
    assert "--hash=sha256:" in pypi
