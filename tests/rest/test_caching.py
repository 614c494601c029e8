"""Responses that clients poll: encoded once, and revalidated by their ETag."""

from pathlib import Path

import pytest

from resolvers import instances
from rest.api import ROUTER, TABLE
from tests.support.context import add_bot, settings_for
from tests.support.http import API, client
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow


async def test_the_etag_of_the_list_changes_with_its_content(launcher: Launcher, tmp_path: Path) -> None:
    async with client(launcher) as http:
        empty = await http.get(f"{API}/instances")
        tag = {"if-none-match": empty.headers["etag"]}
        same = await http.get(f"{API}/instances", headers=tag)
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == empty.headers["etag"]
        assert same.headers["cache-control"] == "no-cache"
        assert "content-type" not in same.headers
        head = await http.head(f"{API}/instances", headers=tag)
        assert head.status_code == 304
        view = await add_bot(launcher.ctx, tmp_path / "bot")
        added = await http.get(f"{API}/instances", headers=tag)
        assert added.status_code == 200
        assert [instance["id"] for instance in added.json()["instances"]] == [view.id]
        await instances.start(launcher.ctx, view.id)
        running = await http.get(f"{API}/instances", headers={"if-none-match": added.headers["etag"]})
        assert running.json()["instances"][0]["status"] == "running"
        await instances.delete(launcher.ctx, view.id)
        # The ETag is a hash of the bytes: equal content has an equal tag.
        assert (await http.get(f"{API}/instances", headers=tag)).status_code == 304


async def test_an_etag_survives_a_restart(tmp_path: Path) -> None:
    """A counter would start again, and a client would be told that its old list is still current."""
    tags = []
    for _ in range(2):
        async with running(settings_for(tmp_path)) as launcher, client(launcher) as http:
            tags.append((await http.get(f"{API}/instances")).headers["etag"])
    assert tags[0] == tags[1]


async def test_an_unchanged_list_is_not_encoded_again(launcher: Launcher, tmp_path: Path) -> None:
    await add_bot(launcher.ctx, tmp_path / "bot")
    calls = 0
    real = instances.list_all

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        return real(*args, **kwargs)  # type: ignore[arg-type]  # whatever it was called with

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "list_all", counted)
        async with client(launcher) as http:
            bodies = {(await http.get(f"{API}/instances")).content for _ in range(20)}
    assert (calls, len(bodies)) == (1, 1)


async def test_cacheable_responses_must_be_revalidated(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for row in TABLE:
            if row.method == "GET" and not row.changes:
                answer = await http.get(row.path)
                kept = (
                    row.cache_key is not None or "text/html" in row.media or row.path.endswith("openapi.json")
                )
                assert answer.headers["cache-control"] == ("no-cache" if kept else "no-store"), row.path
                assert ("etag" in answer.headers) is kept


async def test_if_none_match_is_ignored_for_uncached_responses(launcher: Launcher) -> None:
    async with client(launcher, if_none_match="*") as http:
        assert (await http.get(f"{API}/version/current")).status_code == 200
        assert (await http.get(f"{API}/instance/x/start")).status_code == 404
        assert (await http.post(f"{API}/instances/add", content=b"{}")).status_code == 400


async def test_pages_differ_by_language_and_so_do_their_etags(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for path in (f"{API}/docs", f"{API}/openapi.json"):
            chinese = await http.get(path)
            english = await http.get(path, headers={"accept-language": "en"})
            assert chinese.headers["etag"] != english.headers["etag"]
            assert "Accept-Language" in chinese.headers["vary"]
            asked = {"if-none-match": chinese.headers["etag"]}
            assert (await http.get(path, headers=asked)).status_code == 304
            assert (await http.get(path, headers=asked | {"accept-language": "en"})).status_code == 200


def test_at_most_one_operation_of_a_path_is_cached() -> None:
    """A path item caches one response."""
    for item in ROUTER.items.values():
        assert sum(operation.cache_key is not None for operation in item.operations.values()) <= 1
