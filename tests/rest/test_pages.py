"""HTML pages: self-contained, with a strict content security policy."""

import base64
import hashlib
import re

import pytest

from rest.api import TABLE
from rest.pages import FOLDER
from tests.support.http import API, client
from tests.support.server import Launcher

PAGES = (f"{API}/docs",)


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_page_runs_its_own_script_and_no_other(launcher: Launcher, path: str, language: str) -> None:
    async with client(launcher, accept_language=language) as http:
        page = await http.get(path)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    for kind in ("script", "style"):
        (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-language"] == language


@pytest.mark.slow
async def test_a_page_is_in_the_readers_language(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for path in PAGES:
            chinese = (await http.get(path)).text
            english = (await http.get(path, headers={"accept-language": "en-GB,en"})).text
            assert re.search("[一-鿿]", chinese)
            assert not re.search("[一-鿿]", english)
            assert not re.search("[⟦⟧]", chinese + english)


@pytest.mark.parametrize("name", ["not-built.html", "docs.html"])
def test_a_page_loads_nothing_from_other_servers_and_inserts_no_markup(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert "//" not in text
    for unsafe in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "onclick=",
        " style=",
    ):
        assert unsafe not in text


def test_the_page_of_the_api_requests_only_existing_routes() -> None:
    asked = re.findall(r'(?:get|fetch)\("(/[^"?]*)[^"]*"', (FOLDER / "docs.html").read_text("utf-8"))
    assert asked
    assert set(asked) <= {row.path for row in TABLE if row.method == "GET" and not row.changes}
