"""`/metrics`, parsed with the reference implementation."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from resolvers import instances
from tests.support.context import add_bot
from tests.support.http import API, client
from tests.support.server import Launcher

pytestmark = pytest.mark.slow


async def scraped(http: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Values by name and labels."""
    answer = await http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_instances_and_services_are_counted_by_status(launcher: Launcher, tmp_path: Path) -> None:
    async with client(launcher) as http:
        await add_bot(launcher.ctx, tmp_path / "idle", napcat="")
        view = await add_bot(launcher.ctx, tmp_path / "busy")
        await instances.start(launcher.ctx, view.id)
        found = await scraped(http)
    assert found["mailauncher_instances", "running"] == 1
    assert found["mailauncher_instances", "stopped"] == 1
    assert found["mailauncher_instances", "failed"] == 0
    assert found["mailauncher_services", "stopped"] == 1


async def test_metrics_of_the_host_and_the_server_are_exported(launcher: Launcher) -> None:
    async with client(launcher) as http:
        found = await scraped(http)
    sample = launcher.ctx.samplers.machine.latest
    assert found["mailauncher_machine_cpu_cores",] == sample.cpu_cores
    assert found["mailauncher_machine_memory_total_bytes",] == sample.memory_total
    assert found["mailauncher_machine_disk_total_bytes",] == sample.disk_total
    assert found["mailauncher_uptime_seconds",] > 0


async def test_the_database_is_up_until_it_does_not_answer(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(launcher) as http:
        found = await scraped(http)
        assert found["mailauncher_database_up", "SQLite"] == 1
        assert found["mailauncher_database_answer_seconds",] > 0
        monkeypatch.setattr("store.database.ANSWER_S", 0)
        hung = await scraped(http)
    assert hung["mailauncher_database_up", "SQLite"] == 0
    assert ("mailauncher_database_answer_seconds",) not in hung
    assert hung["mailauncher_uptime_seconds",] > 0


async def test_responses_are_counted_by_group_and_status(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for path in (f"{API}/instances", f"{API}/instances", f"{API}/instance/x/start", "/nowhere"):
            await http.get(path)
        await http.post("/graphql", json={"query": "{ __typename }"})
        found = await scraped(http)
    name = "mailauncher_http_answers_total"
    assert found[name, "instances", "200"] == 2
    assert found[name, "instances", "404"] == 1
    assert found[name, "other", "404"] == 1
    assert found[name, "graphql", "200"] == 1


async def test_root_fields_that_are_not_compiled_are_counted_by_reason(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for query in (
            "{ instances { id } }",
            "{ instances { id } __schema { queryType { name } } }",
            '{ instances { id } a: __type(name: "Query") { name } }',
        ):
            assert "errors" not in (await http.post("/graphql", json={"query": query})).json()
        found = await scraped(http)
    assert found["mailauncher_graphql_fallbacks_total", "introspection"] == 2


async def test_requests_cannot_add_metric_series(launcher: Launcher) -> None:
    async with client(launcher) as http:
        for number in range(10):
            await http.get(f"/nowhere/{number}")
            await http.request("PATCH", f"{API}/instance/{number}/start")
        before = len(await scraped(http))
        for number in range(10):
            await http.get(f"/elsewhere/{number}")
        assert len(await scraped(http)) == before + 1  # the scrape's own
