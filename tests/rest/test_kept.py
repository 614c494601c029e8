"""Answers that are asked for all the time: encoded once, and asked about by their tag."""

from pathlib import Path

import pytest

from resolvers import instances
from rest.api import PATHS, TABLE
from tests.support.context import add_bot, settings_for
from tests.support.http import API, client
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow


async def test_the_list_has_a_tag_that_changes_when_it_does(launcher: Launcher, tmp_path: Path) -> None:
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
        # The tag is made of the bytes: what is the same again has the same tag again.
        assert (await http.get(f"{API}/instances", headers=tag)).status_code == 304


async def test_a_tag_outlives_the_server(tmp_path: Path) -> None:
    """A counter would begin again, and a client be told that another list is still the one it has."""
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


async def test_everything_that_may_be_kept_is_asked_about_first(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for row in TABLE:
            if row.method == "GET" and not row.changes:
                answer = await http.get(row.path)
                kept = row.kept is not None or row.media == "text/html" or row.path.endswith("openapi.json")
                assert answer.headers["cache-control"] == ("no-cache" if kept else "no-store"), row.path
                assert ("etag" in answer.headers) is kept


async def test_a_tag_means_nothing_where_nothing_is_kept(launcher: Launcher) -> None:
    async with client(launcher, if_none_match="*") as http:
        assert (await http.get(f"{API}/version/current")).status_code == 200
        assert (await http.get(f"{API}/instance/x/start")).status_code == 404
        assert (await http.post(f"{API}/instances/add", content=b"{}")).status_code == 400


async def test_pages_differ_by_language_and_so_do_their_tags(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for path in ("/", f"{API}/docs", f"{API}/openapi.json"):
            chinese = await http.get(path)
            english = await http.get(path, headers={"accept-language": "en"})
            assert chinese.headers["etag"] != english.headers["etag"]
            assert "Accept-Language" in chinese.headers["vary"]
            asked = {"if-none-match": chinese.headers["etag"]}
            assert (await http.get(path, headers=asked)).status_code == 304
            assert (await http.get(path, headers=asked | {"accept-language": "en"})).status_code == 200


def test_at_most_one_operation_of_a_place_is_kept() -> None:
    """A place remembers one answer."""
    for place in PATHS.places.values():
        assert sum(operation.kept is not None for operation in place.operations.values()) <= 1
