"""The built pages: policy, files, and what stands there where they were not built."""

import re
from pathlib import Path

import pytest

from mailauncher.errors import Code
from rest import dashboard
from tests.support.http import client, failure
from tests.support.server import Launcher

pytestmark = pytest.mark.skipif(not dashboard.FOLDER.is_dir(), reason="the pages were not built")


def policy_of(header: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


@pytest.mark.parametrize("path", ["/", "/events", "/instances/some-id", "/instances/some-id/log"])
async def test_the_dashboard_is_at_every_address_that_it_knows(launcher: Launcher, path: str) -> None:
    async with client(launcher) as http:
        page = await http.get(path)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    policy = policy_of(page.headers["content-security-policy"])
    assert policy["default-src"] == policy["frame-ancestors"] == policy["style-src-attr"] == "'none'"
    assert (
        policy["script-src"]
        == policy["connect-src"]
        == policy["worker-src"]
        == policy["font-src"]
        == "'self'"
    )
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert page.headers["x-content-type-options"] == "nosniff"


async def test_every_page_has_a_nonce_of_its_own(launcher: Launcher) -> None:
    async with client(launcher) as http:
        pages = [await http.get("/") for _ in range(2)]
    nonces = set()
    for page in pages:
        found = re.search(r'<meta name="csp-nonce" content="([^"]{20,})">', page.text)
        assert found is not None
        assert f"'nonce-{found[1]}'" in page.headers["content-security-policy"]
        nonces.add(found[1])
    assert len(nonces) == 2


async def test_the_explorer_loads_its_own_files_only(launcher: Launcher) -> None:
    async with client(launcher) as http:
        page = await http.get("/graphql", headers={"accept": "text/html"})
        policy = policy_of(page.headers["content-security-policy"])
        assert policy["script-src"] == policy["worker-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert not {"'allow-duplicates'", "*", "default"} & set(policy["trusted-types"].split())
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert any(path.endswith(".js") for path in loaded)
        for path in loaded:
            assert path.startswith(("/assets/", "data:"))
            if path.startswith("/"):
                assert (await http.get(path)).status_code == 200


async def test_files_are_immutable_compressed_and_of_the_right_type(launcher: Launcher) -> None:
    async with client(launcher) as http:
        page = await http.get("/")
        (script,) = re.findall(r'src="([^"]+)"', page.text)
        (style,) = re.findall(r'<link rel="stylesheet"[^>]*href="([^"]+)"', page.text)
        plain = await http.get(script, headers={"accept-encoding": "identity"})
        for coding in ("br", "gzip"):
            answer = await http.head(script, headers={"accept-encoding": coding})
            assert answer.headers["content-encoding"] == coding
            assert int(answer.headers["content-length"]) < len(plain.content) / 2
        refused = await http.head(script, headers={"accept-encoding": "br;q=0, gzip;q=0.0"})
        assert "content-encoding" not in refused.headers
        assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in plain.headers["cache-control"]
        assert plain.headers["vary"].startswith("Accept-Encoding")
        assert (await http.get(style)).headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("name", ["unknown.js", "..%2findex.html", "%2e%2e", "index.html", "x" * 300, ".js"])
async def test_an_unknown_file_is_not_found(launcher: Launcher, name: str) -> None:
    async with client(launcher) as http:
        failure(await http.get(f"/assets/{name}"), Code.RESOURCE_NOT_FOUND)


async def test_without_the_build_the_page_says_how_to_get_it(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dashboard, "FOLDER", tmp_path)
    dashboard._read.cache_clear()
    try:
        async with client(launcher, accept_language="en") as http:
            for path in ("/", "/graphql"):
                page = await http.get(path, headers={"accept": "text/html"})
                assert page.status_code == 200
                assert "Node.js 20.19" in page.text
        assert dashboard.documents() == {}
    finally:
        dashboard._read.cache_clear()
