"""Commands through GraphQL: their effects and payloads."""

from pathlib import Path

import pytest

from resolvers import instances, terminals
from tests.support.context import PATIENT_BOT, add_bot, free_port, outputs
from tests.support.graphql import Answer, ask
from tests.support.server import Launcher

pytestmark = pytest.mark.slow

ADD = """mutation ($input: AddInstanceInput!) { addInstance(input: $input) {
    message complete instance { id name path port status services { name port path } } } }"""


async def command(launcher: Launcher, name: str, id: str, language: str = "zh") -> Answer:
    kind = f"{name[0].upper()}{name[1:]}Input"
    return await ask(
        launcher,
        f"mutation ($input: {kind}!) {{ {name}(input: $input) "
        "{ message complete instance { id status pid } } }",
        {"Accept-Language": language},
        input={"id": id},
    )


async def test_an_instance_is_added_with_the_services_in_its_folder(
    launcher: Launcher, tmp_path: Path
) -> None:
    folder = tmp_path / "bot"
    (folder / "napcat").mkdir(parents=True)
    (folder / "bot.py").touch()
    (folder / "napcat" / "main.py").touch()
    port = free_port()
    (folder / ".env").write_text(f"PORT={port}\n", "utf-8")
    answer = await ask(launcher, ADD, input={"name": "新的 bot", "path": str(folder)})
    added = answer.result["instance"]
    assert answer.result["message"] == "实例已成功添加"
    assert answer.result["complete"] is True
    assert len(added.pop("id")) == 40
    assert added == {
        "name": "新的 bot",
        "path": str(folder),
        "port": port,
        "status": "STOPPED",
        "services": [{"name": "napcat", "port": 8095, "path": str(folder / "napcat")}],
    }


async def test_services_can_be_given_when_adding(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "elsewhere").mkdir()
    services = [
        {"name": "nonebot", "path": str(tmp_path / "elsewhere"), "port": 12345, "runCommand": "sleep 60"}
    ]
    answer = await ask(
        launcher,
        ADD,
        input={
            "name": "bot",
            "path": str(tmp_path / "bot"),
            "port": 1234,
            "runCommand": "sleep 60",
            "services": services,
        },
    )
    assert answer.result["instance"]["services"] == [
        {"name": "nonebot-ada", "port": 12345, "path": str(tmp_path / "elsewhere")}
    ]
    record = launcher.ctx.store.registry.get(answer.result["instance"]["id"])
    assert record is not None
    assert (record.run_command, record.services[0].run_command) == ("sleep 60", "sleep 60")


async def test_services_to_add_have_a_limit(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    services = [{"name": f"service-{number}", "runCommand": "true"} for number in range(33)]
    new = {"name": "bot", "path": str(tmp_path / "bot"), "port": 1234, "services": services}
    answer = await ask(launcher, ADD, input=new)
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "services")


async def test_an_instance_is_started_restarted_and_stopped(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    started = (await command(launcher, "startInstance", view.id)).result
    assert (started["message"], started["complete"]) == ("实例 bot 已启动", True)
    assert started["instance"]["status"] == "RUNNING"
    restarted = (await command(launcher, "restartInstance", view.id, "en")).result
    assert restarted["message"] == "Instance bot restarted"
    assert restarted["instance"]["status"] == "RUNNING"
    assert restarted["instance"]["pid"] != started["instance"]["pid"]
    stopped = (await command(launcher, "stopInstance", view.id)).result
    assert stopped == {
        "message": "实例 bot 已停止",
        "complete": True,
        "instance": {"id": view.id, "status": "STOPPED", "pid": None},
    }


async def test_an_instance_is_killed_and_a_service_restarted_and_killed(
    launcher: Launcher, tmp_path: Path
) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot", napcat=PATIENT_BOT)
    ids = {"instanceId": view.id, "name": "napcat"}
    seen = []
    for verb, given in (("restart", ids), ("kill", ids)):
        mutation = f"mutation ($input: {verb.title()}ServiceInput!) {{ {verb}Service(input: $input) {{ message complete service {{ status }} }} }}"
        done = (await ask(launcher, mutation, {"Accept-Language": "en"}, input=given)).result
        assert done["complete"]
        seen.append((done["message"], done["service"]["status"]))
    assert seen == [
        ("The NapCat service of instance bot restarted", "RUNNING"),
        ("The NapCat service of instance bot killed", "STOPPED"),
    ]
    assert (await command(launcher, "killInstance", view.id)).code == "INSTANCE_NOT_RUNNING"
    await instances.start(launcher.ctx, view.id)
    killed = (await command(launcher, "killInstance", view.id)).result
    assert (killed["message"], killed["instance"]["status"]) == ("实例 bot 已强制结束", "STOPPED")


async def test_many_instances_have_a_result_each(launcher: Launcher, tmp_path: Path) -> None:
    first, second = [await add_bot(launcher.ctx, tmp_path / name) for name in ("first", "second")]
    await instances.start(launcher.ctx, second.id)

    async def each(verb: str, *ids: str) -> Answer:
        kind = f"{verb[0].upper()}{verb[1:]}Input"
        mutation = f"""mutation ($input: {kind}!) {{ {verb}(input: $input) {{ results {{
            instanceId message complete instance {{ status }} backup {{ reason }} deployment {{ kind }}
            error {{ code status field }} }} }} }}"""
        return await ask(launcher, mutation, {"Accept-Language": "en"}, input={"ids": ids})

    started = await each("startInstances", second.id, "nobody", first.id)
    assert started.errors == []
    nothing = {"backup": None, "deployment": None}
    assert started.result["results"] == [
        nothing
        | {
            "instanceId": second.id,
            "message": "Instance second is already running",
            "complete": False,
            "instance": {"status": "RUNNING"},
            "error": {"code": "INSTANCE_ALREADY_RUNNING", "status": 409, "field": None},
        },
        nothing
        | {
            "instanceId": "nobody",
            "message": "Instance 'nobody' not found",
            "complete": False,
            "instance": None,
            "error": {"code": "INSTANCE_NOT_FOUND", "status": 404, "field": None},
        },
        nothing
        | {
            "instanceId": first.id,
            "message": "Instance first started",
            "complete": True,
            "instance": {"status": "RUNNING"},
            "error": None,
        },
    ]

    async def brief(verb: str) -> list[tuple[str, str, bool]]:
        results = (await each(verb, first.id, second.id)).result["results"]
        assert all(result["error"] is None for result in results)
        return [(one["message"], one["instance"]["status"], one["complete"]) for one in results]

    names = ("first", "second")
    assert await brief("restartInstances") == [(f"Instance {n} restarted", "RUNNING", True) for n in names]
    assert await brief("createBackups") == [("The backup was made", "RUNNING", True)] * 2
    assert await brief("stopInstances") == [(f"Instance {n} stopped", "STOPPED", True) for n in names]
    await instances.start(launcher.ctx, first.id)
    await instances.start(launcher.ctx, second.id)
    assert await brief("killInstances") == [(f"Instance {n} killed", "STOPPED", True) for n in names]
    twice = await each("startInstances", first.id, first.id)
    assert (twice.code, twice.error["extensions"]["field"]) == ("INVALID_PARAMETER", "ids")


async def test_a_deleted_instance_is_gone_and_its_files_stay(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    answer = await ask(
        launcher,
        "mutation ($id: ID!) { deleteInstance(input: {id: $id}) { id message complete } }",
        id=view.id,
    )
    assert answer.result == {"id": view.id, "message": "实例 bot 已删除", "complete": True}
    assert launcher.ctx.live.views == []
    assert (tmp_path / "bot" / "bot.py").exists()


async def test_files_that_were_not_deployed_here_are_not_deleted(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    answer = await ask(
        launcher,
        "mutation ($id: ID!) { deleteInstance(input: {id: $id, files: true}) { id } }",
        id=view.id,
    )
    assert answer.code == "PERMISSION_DENIED"
    assert answer.data == {"deleteInstance": None}
    assert len(launcher.ctx.live.views) == 1


async def test_a_service_is_started_and_stopped_by_any_of_its_names(
    launcher: Launcher, tmp_path: Path
) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot", nonebot_ada=PATIENT_BOT)
    document = """mutation ($input: %sServiceInput!) { %sService(input: $input) {
        message complete instance { status } service { name status } } }"""
    started = await ask(
        launcher, document % ("Start", "start"), input={"instanceId": view.id, "name": "nonebot"}
    )
    assert started.result == {
        "message": "实例 bot 的NoneBot服务已启动",
        "complete": True,
        "instance": {"status": "STOPPED"},
        "service": {"name": "nonebot-ada", "status": "RUNNING"},
    }
    stopped = await ask(
        launcher, document % ("Stop", "stop"), input={"instanceId": view.id, "name": "nonebot-ada"}
    )
    assert stopped.result["service"] == {"name": "nonebot-ada", "status": "STOPPED"}


async def test_input_reaches_the_program(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    await instances.start(launcher.ctx, view.id)
    session = f"{view.id}_main"
    await outputs(launcher.ctx, session, "ready")
    answer = await ask(
        launcher,
        """mutation ($input: SendTerminalInputInput!) {
            sendTerminalInput(input: $input) { terminal { sessionId shell status } } }""",
        input={"sessionId": session, "data": "你好\r"},
    )
    assert answer.result["terminal"] == {"sessionId": session, "shell": False, "status": "RUNNING"}
    assert "heard 你好" in await outputs(launcher.ctx, session, "heard 你好")


async def test_input_is_refused_where_nothing_runs(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    answer = await ask(
        launcher,
        "mutation ($input: SendTerminalInputInput!) { sendTerminalInput(input: $input) { terminal { name } } }",
        input={"sessionId": f"{view.id}_main", "data": "x"},
    )
    assert answer.code == "COMMAND_FAILED"


async def test_a_terminal_is_resized(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    await instances.start(launcher.ctx, view.id)
    session = f"{view.id}_main"
    document = """mutation ($input: ResizeTerminalInput!) {
        resizeTerminal(input: $input) { terminal { columns rows } } }"""
    wide = await ask(launcher, document, input={"sessionId": session, "columns": 200, "rows": 50})
    assert wide.result["terminal"] == {"columns": 200, "rows": 50}
    tiny = await ask(launcher, document, input={"sessionId": session, "columns": 1, "rows": 1})
    assert tiny.result["terminal"] == {"columns": 20, "rows": 5}
    none = await ask(launcher, document, input={"sessionId": session, "columns": 1001, "rows": 1})
    assert none.code == "INVALID_PARAMETER"
    assert terminals.find(launcher.ctx, session).columns == 20


async def test_mutations_of_one_document_run_one_after_the_other(launcher: Launcher, tmp_path: Path) -> None:
    view = await add_bot(launcher.ctx, tmp_path / "bot")
    answer = await ask(
        launcher,
        """mutation ($id: ID!) {
            a: startInstance(input: {id: $id}) { instance { status } }
            b: startInstance(input: {id: $id}) { instance { status } }
            c: stopInstance(input: {id: $id}) { instance { status } } }""",
        id=view.id,
    )
    assert answer.data["a"] == {"instance": {"status": "RUNNING"}}
    assert answer.data["b"] is None
    assert answer.code == "INSTANCE_ALREADY_RUNNING"
    assert answer.error["path"] == ["b"]
    assert answer.data["c"] == {"instance": {"status": "STOPPED"}}
