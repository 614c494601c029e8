"""Deployments through GraphQL: versions and services, commands, and progress."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio

from bots.deploying.plan import Step
from bots.terms import accepted as consent
from schema import deployment as contract
from store.records import DeploymentKind, DeploymentStatus
from terminals.states import State
from tests.support import deployable
from tests.support.context import add_bot, free_port, settings_for
from tests.support.git import Repository
from tests.support.graphql import Answer, GraphQLSocket, ask, client, conversing
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

DEPLOYMENT = """instanceId name kind status progress step message version commit logs createdAt endedAt todo cursor
    services { name status progress message } failure { step code message lastLines }"""
PROGRESS = f"""subscription ($id: ID!, $after: Int) {{ deploymentProgress(instanceId: $id, after: $after) {{
    cursor log deployment {{ {DEPLOYMENT} }} }} }}"""
BROKEN = "[project]\nname =\n"


@pytest_asyncio.fixture
async def server(tmp_path: Path, releases: Repository) -> AsyncIterator[Launcher]:
    """A server that deploys the sample bot as `maibot`."""
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as launcher:
        yield launcher


async def command(server: Launcher, verb: str, language: str = "zh", /, **given: Any) -> Answer:
    kind = f"{verb[0].upper()}{verb[1:]}Input"
    instance = "instance { id name status path port version services { name port } deployment { status } }"
    parts = "" if verb == "acceptTerms" else f"deployment {{ {DEPLOYMENT} }}"
    document = f"mutation ($input: {kind}!) {{ {verb}(input: $input) {{ message {instance} {parts} }} }}"
    return await ask(server, document, {"Accept-Language": language}, input=given)


async def followed(server: Launcher, instance_id: str, after: int | None = None) -> list[dict[str, Any]]:
    """Every update until the subscription completes."""
    async with conversing(server) as socket:
        operation = await socket.begin(PROGRESS, id=instance_id, after=after)
        return await rest_of(socket, operation)


async def rest_of(socket: GraphQLSocket, operation: str) -> list[dict[str, Any]]:
    found = []
    while (message := await socket.next(operation))["type"] == "next":
        assert "errors" not in message["payload"], message
        found.append(message["payload"]["data"]["deploymentProgress"])
    return found


async def deployed(server: Launcher, name: str = "bot", **given: Any) -> dict[str, Any]:
    """The deployment of a new instance after its end."""
    begun = (await command(server, "deployInstance", name=name, **given)).result
    last: dict[str, Any] = (await followed(server, begun["instance"]["id"]))[-1]["deployment"]
    return last


# Versions and services


async def test_versions_have_their_kind(server: Launcher, releases: Repository) -> None:
    answer = await ask(
        server, "{ deployVersions { fetchedAt source versions { name kind commit stable target } } }"
    )
    found = {version["name"]: version for version in answer.result["versions"]}
    assert list(found) == deployable.VERSIONS
    assert answer.result["source"] == releases.url
    assert answer.result["fetchedAt"].endswith("Z")
    commit = releases.git("rev-parse", f"{deployable.STABLE}^{{commit}}")
    assert found["latest"] == {
        "name": "latest",
        "kind": "ALIAS",
        "commit": commit,
        "stable": True,
        "target": deployable.STABLE,
    }
    assert found[deployable.STABLE] == found["latest"] | {
        "name": deployable.STABLE,
        "kind": "TAG",
        "target": None,
    }
    assert (found["0.13.0-beta"]["stable"], found["dev"]["kind"]) == (False, "BRANCH")


async def test_a_refresh_sees_a_new_release_at_once(tmp_path: Path) -> None:
    repository = deployable.sample_repository(tmp_path / "repository")
    document = "query ($refresh: Boolean!) { deployVersions(refresh: $refresh) { versions { name } } }"
    async with running(settings_for(tmp_path, sources_maibot=[repository.url])) as server:
        await ask(server, document, refresh=False)
        repository.commit()
        repository.tag("0.14.0")
        seen = [(await ask(server, document, refresh=refresh)).result for refresh in (False, True)]
    assert ["0.14.0" in [version["name"] for version in found["versions"]] for found in seen] == [False, True]


async def test_without_a_source_there_are_no_versions(launcher: Launcher) -> None:
    answer = await ask(launcher, "{ deployVersions { source } }")
    assert (answer.code, answer.data) == ("DOWNLOAD_FAILED", {"deployVersions": None})
    unknown = await ask(launcher, '{ deployVersions(recipe: "nothing") { source } }')
    assert unknown.code == "RESOURCE_NOT_FOUND"


async def test_the_included_bot_needs_no_source(launcher: Launcher) -> None:
    document = '{ deployVersions(recipe: "sample") { source versions { name commit kind } } }'
    found = (await ask(launcher, document)).result
    assert found["source"] is None
    assert found["versions"][0] == {"name": "latest", "commit": None, "kind": "ALIAS"}


async def test_recipes_and_services_are_listed_with_the_problems_of_others(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    folder = settings.data_folder / "recipes"
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text(BROKEN)
    document = """{ deployRecipes { recipes { name kind title description port spaceMb todo }
                    problems { file problem } }
                    deployServices { name kind description port } }"""
    async with running(settings) as server:
        found = (await ask(server, document, {"Accept-Language": "en"})).data
    recipes = {recipe["name"]: recipe for recipe in found["deployRecipes"]["recipes"]}
    assert {recipe["kind"] for recipe in recipes.values()} == {"BOT"}
    assert (recipes["maibot"]["description"], recipes["maibot"]["port"]) == ("MaiBot itself", 8000)
    assert recipes["maibot"]["spaceMb"] > recipes["sample"]["spaceMb"] > 0
    assert "keys" in recipes["maibot"]["todo"]
    assert recipes["sample"]["todo"] is None
    (problem,) = found["deployRecipes"]["problems"]
    assert problem["file"] == str(folder / "broken.toml")
    assert "line 2" in problem["problem"]
    services = {service["name"]: service for service in found["deployServices"]}
    assert services["napcat"]["kind"] == services["nonebot-ada"]["kind"] == "SERVICE"


async def test_the_terms_of_a_version_can_be_read_before_it_is_installed(
    server: Launcher, releases: Repository
) -> None:
    document = """query ($version: String!) { consent(version: $version) {
                  version commit texts { name text digest } } }"""
    found = (await ask(server, document, version="latest")).result
    assert found["version"] == deployable.STABLE
    assert found["commit"] == releases.git("rev-parse", f"{deployable.STABLE}^{{commit}}")
    texts = {text["name"]: text for text in found["texts"]}
    assert list(texts) == ["EULA.md", "PRIVACY.md"]
    eula = (deployable.SAMPLE / "EULA.md").read_bytes()
    assert texts["EULA.md"]["text"] == eula.decode()
    assert texts["EULA.md"]["digest"] == consent.digest(eula)
    unknown = await ask(server, document, version="9.9.9")
    assert (unknown.code, unknown.error["extensions"]["field"]) == ("VERSION_NOT_FOUND", "version")


def test_enums_have_the_values_of_the_stored_ones() -> None:
    words: list[tuple[type[Enum], Iterable[str]]] = [
        (contract.DeploymentStatus, DeploymentStatus),
        (contract.DeploymentKind, DeploymentKind),
        (contract.DeploymentStep, get_args(Step)),
    ]
    for enum, meant in words:
        assert [str(each.value) for each in enum] == [str(word) for word in meant]


# A deployment


async def test_a_deployment_is_followed_from_start_to_end(server: Launcher, releases: Repository) -> None:
    port = free_port()
    services = [{"name": "napcat", "port": free_port()}, {"name": "nonebot"}]
    begun = (await command(server, "deployInstance", name="麦麦", port=port, services=services)).result
    assert begun["message"] == "部署已开始"
    assert begun["instance"]["status"] == "INSTALLING"
    assert begun["deployment"]["status"] in ("PENDING", "INSTALLING")
    assert (begun["deployment"]["kind"], begun["deployment"]["failure"]) == ("DEPLOY", None)
    updates = await followed(server, begun["instance"]["id"])
    for former, later in itertools.pairwise(updates):
        assert former["cursor"] <= later["cursor"]
        assert former["deployment"]["progress"] <= later["deployment"]["progress"]
    assert [line for update in updates for line in update["log"]] == updates[-1]["deployment"]["logs"]
    last = updates[-1]["deployment"]
    assert (last["status"], last["progress"], last["step"], last["failure"]) == ("COMPLETED", 100, None, None)
    assert last["version"] == deployable.STABLE
    assert last["commit"] == releases.git("rev-parse", f"{deployable.STABLE}^{{commit}}")
    assert last["endedAt"] >= last["createdAt"]
    assert [(part["name"], part["status"], part["progress"]) for part in last["services"]] == [
        ("napcat", "COMPLETED", 100),
        ("nonebot-ada", "COMPLETED", 100),
    ]
    document = """query ($id: ID!) { deployment(instanceId: $id) { status version }
                  deployments { instanceId } instance(id: $id) { status port path deployment { status } } }"""
    found = (await ask(server, document, id=last["instanceId"])).data
    assert found["deployment"] == {"status": "COMPLETED", "version": deployable.STABLE}
    assert found["deployments"] == [{"instanceId": last["instanceId"]}]
    assert found["instance"] == {
        "status": "STOPPED",
        "port": port,
        "path": str(server.ctx.settings.workspace_folder / "麦麦"),
        "deployment": {"status": "COMPLETED"},
    }


async def test_following_resumes_at_a_cursor_without_loss_or_duplicates(server: Launcher) -> None:
    instance_id = (await deployed(server))["instanceId"]
    whole = await followed(server, instance_id)
    assert [update["deployment"]["status"] for update in whole] == ["COMPLETED"]
    logs, end = whole[0]["log"], whole[0]["cursor"]
    assert logs == whole[0]["deployment"]["logs"]
    resumed = [(await followed(server, instance_id, cursor))[0]["log"] for cursor in range(end + 1)]
    assert [log for log in resumed if log != logs[len(logs) - len(log) :]] == []
    assert sorted(map(len, resumed), reverse=True) == [len(log) for log in resumed]
    assert (resumed[0], resumed[-1]) == (logs, [])
    async with conversing(server) as socket:
        for wrong in (-1, end + 1, 1 << 30):
            refused = await socket.ask(PROGRESS, id=instance_id, after=wrong)
            assert (refused.code, refused.error["extensions"]["field"]) == ("INVALID_PARAMETER", "after")


async def followed_by_event_streams(server: Launcher, instance_id: str) -> list[dict[str, Any]]:
    """Every update until the end, from streams that are cut after each progress and resumed as browsers do."""
    found: list[dict[str, Any]] = []
    body = {"query": PROGRESS, "variables": {"id": instance_id}}
    headers = {"Accept": "text/event-stream"}
    async with client(server) as http:
        while True:
            async with http.stream("POST", "/graphql", json=body, headers=headers) as response:
                async for line in response.aiter_lines():
                    if line.startswith("id: "):
                        headers["Last-Event-ID"] = line.removeprefix("id: ")
                    elif line.startswith("data: {"):
                        answer = json.loads(line.removeprefix("data: "))
                        assert "errors" not in answer, answer
                        seen = found[-1]["cursor"] if found else 0
                        found.append(answer["data"]["deploymentProgress"])
                        assert headers["Last-Event-ID"] == str(found[-1]["cursor"])
                        if found[-1]["cursor"] > seen:
                            break
            if found[-1]["deployment"]["endedAt"] is not None:
                return found


async def test_two_subscribers_see_the_same_end(server: Launcher) -> None:
    """One that comes back with the last event's id misses nothing, and gets nothing twice."""
    begun = (await command(server, "deployInstance", name="bot")).result
    instance_id = begun["instance"]["id"]
    streamed = asyncio.create_task(followed_by_event_streams(server, instance_id))
    async with conversing(server) as one, conversing(server) as other:
        operations = [await socket.begin(PROGRESS, id=instance_id) for socket in (one, other)]
        ends = [
            (await rest_of(socket, operation))[-1]["deployment"]
            for socket, operation in zip((one, other), operations, strict=True)
        ]
    assert ends[0] == ends[1]
    assert ends[0]["status"] == "COMPLETED"
    updates = await streamed
    assert updates[-1]["deployment"] == ends[0]
    assert [line for update in updates for line in update["log"]] == ends[0]["logs"]
    cursors = [update["cursor"] for update in updates]
    assert cursors == sorted(cursors)
    assert len({*cursors}) > 2


async def test_an_added_instance_has_no_deployment(server: Launcher, tmp_path: Path) -> None:
    added = await add_bot(server.ctx, tmp_path / "added")
    other = (await deployed(server))["instanceId"]
    found = (await ask(server, "{ instances { id deployment { instanceId } } }")).result
    assert found == [
        {"id": added.id, "deployment": None},
        {"id": other, "deployment": {"instanceId": other}},
    ]
    alone = await ask(
        server, "query ($id: ID!) { instance(id: $id) { deployment { instanceId } } }", id=added.id
    )
    assert alone.result == {"deployment": None}
    document = "query ($id: ID!) { deployment(instanceId: $id) { status } }"
    assert (await ask(server, document, id=added.id)).code == "RESOURCE_NOT_FOUND"
    assert (await ask(server, document, id="nobody")).code == "INSTANCE_NOT_FOUND"
    async with conversing(server) as socket:
        assert (await socket.ask(PROGRESS, id=added.id)).code == "RESOURCE_NOT_FOUND"
        assert (await socket.ask(PROGRESS, id="nobody")).code == "INSTANCE_NOT_FOUND"


@pytest.mark.parametrize(
    "change, code, field",
    [
        ({"version": "9.9.9"}, "VERSION_NOT_FOUND", "version"),
        ({"version": "a..b"}, "INVALID_PARAMETER", "version"),
        ({"recipe": "nothing"}, "INVALID_PARAMETER", "recipe"),
        ({"recipe": "napcat"}, "INVALID_PARAMETER", "recipe"),
        ({"name": " "}, "INVALID_PARAMETER", "name"),
        ({"port": 0}, "INVALID_PARAMETER", "port"),
        ({"path": "nowhere"}, "INVALID_PATH", "path"),
        ({"services": [{"name": "nothing"}]}, "INVALID_PARAMETER", "services"),
        ({"services": [{"name": "napcat"}, {"name": "napcat"}]}, "INVALID_PARAMETER", "services"),
        ({"services": [{"name": "napcat", "port": -1}]}, "INVALID_PARAMETER", "port"),
    ],
    ids=str,
)
async def test_invalid_deployments_are_refused_before_anything_is_done(
    server: Launcher, change: dict[str, Any], code: str, field: str
) -> None:
    refused = await command(server, "deployInstance", **({"name": "bot"} | change))
    assert (refused.code, refused.error["extensions"]["field"]) == (code, field)
    assert refused.data == {"deployInstance": None}
    assert server.ctx.live.views == []


# Terms


async def test_without_consent_the_instance_is_installed_and_not_started(server: Launcher) -> None:
    ended = await deployed(server, autoStart=True)
    assert ended["status"] == "COMPLETED"
    document = "query ($id: ID!) { instance(id: $id) { status failure { reason } waitingFor reason } }"
    found = (await ask(server, document, {"Accept-Language": "en"}, id=ended["instanceId"])).result
    assert (found["status"], found["failure"], found["waitingFor"]) == ("STOPPED", None, "TERMS")
    assert "acceptTerms" in found["reason"]
    accepted = (await command(server, "acceptTerms", instanceId=ended["instanceId"])).result
    assert accepted["message"] == "已接受用户协议与隐私条款"
    start = "mutation ($input: StartInstanceInput!) { startInstance(input: $input) { instance { status } } }"
    started = await ask(server, start, input={"id": ended["instanceId"]})
    assert started.result == {"instance": {"status": "RUNNING"}}


async def test_with_consent_a_deployment_starts_the_instance(server: Launcher) -> None:
    ended = await deployed(server, autoStart=True, acceptTerms=True)
    assert ended["status"] == "COMPLETED"
    assert server.ctx.live.view(ended["instanceId"]).status is State.RUNNING
    folder = server.ctx.settings.workspace_folder / "bot"
    text = (folder / "EULA.md").read_bytes()
    assert (folder / "eula.confirmed").read_text("utf-8").strip() == consent.digest(text)


async def test_the_terms_of_an_unknown_instance_cannot_be_accepted(server: Launcher) -> None:
    assert (await command(server, "acceptTerms", instanceId="nobody")).code == "INSTANCE_NOT_FOUND"


# Cancel and retry


async def test_a_pending_deployment_can_be_cancelled_and_leaves_nothing(
    tmp_path: Path, releases: Repository
) -> None:
    settings = settings_for(tmp_path, sources_maibot=[releases.url], deployments_at_once=1)
    deployable.use(releases.url, settings.data_folder)
    async with running(settings) as server:
        first = (await command(server, "deployInstance", name="first")).result["instance"]["id"]
        second = (await command(server, "deployInstance", name="second")).result["instance"]["id"]
        cancelled = (await command(server, "cancelDeployment", "en", instanceId=second)).result
        assert cancelled["message"] == "The deployment was cancelled"
        assert (cancelled["instance"], cancelled["deployment"]["status"]) == (None, "CANCELLED")
        assert (await followed(server, first))[-1]["deployment"]["status"] == "COMPLETED"
        assert [view.id for view in server.ctx.live.views] == [first]
        assert [path.name for path in settings.workspace_folder.iterdir()] == ["first"]
        again = await command(server, "cancelDeployment", instanceId=first)
        assert again.code == "INSTANCE_NOT_RUNNING"
        assert (await command(server, "cancelDeployment", instanceId="nobody")).code == "INSTANCE_NOT_FOUND"


async def test_a_service_that_fails_is_named_and_added_later(tmp_path: Path, releases: Repository) -> None:
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    deployable.use(releases.url, settings.data_folder)
    deployable.offer_service(tmp_path / "lone", settings.data_folder)
    async with running(settings) as server:
        found = await deployed(server, services=[{"name": "lone"}])
        assert (found["kind"], found["status"], found["failure"]["step"]) == ("DEPLOY", "COMPLETED", "FETCH")
        assert found["failure"]["code"] == "DOWNLOAD_FAILED"
        (service,) = (each for each in found["services"] if each["name"] == "lone")
        assert (service["status"], service["message"]) == ("FAILED", found["failure"]["message"])
        assert "mailauncher retry bot" in found["message"]
        deployable.release_service(tmp_path / "lone")
        again = (await command(server, "retryDeployment", "en", instanceId=found["instanceId"])).result
        assert again["deployment"]["kind"] == "SERVICES"
        last = (await followed(server, found["instanceId"]))[-1]["deployment"]
        assert (last["status"], last["failure"]) == ("COMPLETED", None)
        view = server.ctx.live.view(found["instanceId"])
        assert [service.name for service in view.services] == ["lone"]


async def test_a_failed_deployment_has_a_cause_and_continues_once_it_is_gone(
    tmp_path: Path,
) -> None:
    repository = deployable.sample_repository(tmp_path / "repository")
    settings = settings_for(tmp_path, sources_maibot=[repository.url])
    deployable.use(repository.url, settings.data_folder)
    away = tmp_path / "away"
    async with running(settings) as server:
        await ask(server, "{ deployVersions { source } }")
        repository.folder.rename(away)
        failed = await deployed(server)
        assert (failed["status"], failed["failure"]["step"]) == ("FAILED", "FETCH")
        assert failed["failure"]["code"] == "DOWNLOAD_FAILED"
        assert failed["message"] == failed["failure"]["message"] != ""
        assert failed["progress"] < 100
        view = server.ctx.live.view(failed["instanceId"])
        assert view.status is State.FAILED
        assert list(settings.workspace_folder.glob("bot")) == []
        away.rename(repository.folder)
        again = (await command(server, "retryDeployment", "en", instanceId=view.id)).result
        assert again["message"] == "The deployment continues"
        updates = await followed(server, view.id, failed["cursor"])
        assert updates[-1]["deployment"]["status"] == "COMPLETED"
        assert updates[-1]["deployment"]["failure"] is None
        assert updates[0]["log"][0] not in failed["logs"]
        assert (await command(server, "retryDeployment", instanceId=view.id)).code == "INVALID_PARAMETER"
