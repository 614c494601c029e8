"""Backups through GraphQL: create, list, restore, delete."""

from pathlib import Path
from typing import Any

import pytest

from resolvers import instances
from resolvers.views import BackupReason as Reason
from resolvers.views import InstanceView
from schema.backup import BackupReason
from tests.support.context import add_bot
from tests.support.graphql import Answer, ask
from tests.support.server import Launcher

pytestmark = pytest.mark.slow

BACKUP = "id instanceId at size reason version skipped"
LIST = f"{{ instances {{ id backups {{ {BACKUP} }} }} }}"


async def bot(launcher: Launcher, folder: Path) -> InstanceView:
    view = await add_bot(launcher.ctx, folder)
    (folder / "config").mkdir()
    (folder / "config" / "bot_config.toml").write_text("nickname = 'before'\n", "utf-8")
    return view


async def command(launcher: Launcher, verb: str, **given: Any) -> Answer:
    kind = f"{verb[0].upper()}{verb[1:]}Input"
    changed = "instance { id status }" if verb == "restoreBackup" else f"backup {{ {BACKUP} }}"
    document = f"mutation ($input: {kind}!) {{ {verb}(input: $input) {{ message {changed} }} }}"
    return await ask(launcher, document, {"Accept-Language": "en"}, input=given)


async def test_a_backup_is_made_listed_restored_and_deleted(launcher: Launcher, tmp_path: Path) -> None:
    view = await bot(launcher, tmp_path / "bot")
    other = await add_bot(launcher.ctx, tmp_path / "other")
    made = (await command(launcher, "createBackup", instanceId=view.id)).result
    assert made["message"] == "The backup was made"
    backup = made["backup"]
    assert (backup["instanceId"], backup["reason"], backup["skipped"]) == (view.id, "MANUAL", [])
    assert backup["size"] > 0
    found = (await ask(launcher, LIST)).result
    assert found == [{"id": view.id, "backups": [backup]}, {"id": other.id, "backups": []}]
    file = tmp_path / "bot" / "config" / "bot_config.toml"
    file.write_text("nickname = 'after'\n", "utf-8")
    restored = await command(launcher, "restoreBackup", instanceId=view.id, backupId=backup["id"])
    assert restored.result["instance"] == {"id": view.id, "status": "STOPPED"}
    assert file.read_text("utf-8") == "nickname = 'before'\n"
    (kept, _) = (await ask(launcher, LIST)).result
    assert [entry["reason"] for entry in kept["backups"]] == ["RESTORE", "MANUAL"]
    deleted = await command(launcher, "deleteBackup", instanceId=view.id, backupId=backup["id"])
    assert deleted.result == {"message": "The backup was deleted", "backup": backup}
    gone = await command(launcher, "restoreBackup", instanceId=view.id, backupId=backup["id"])
    assert gone.code == "RESOURCE_NOT_FOUND"


async def test_a_running_instance_is_not_restored(launcher: Launcher, tmp_path: Path) -> None:
    view = await bot(launcher, tmp_path / "bot")
    await instances.start(launcher.ctx, view.id)
    made = (await command(launcher, "createBackup", instanceId=view.id)).result["backup"]
    refused = await command(launcher, "restoreBackup", instanceId=view.id, backupId=made["id"])
    assert refused.code == "INSTANCE_ALREADY_RUNNING"


async def test_an_unknown_instance_has_no_backups(launcher: Launcher) -> None:
    assert (await command(launcher, "createBackup", instanceId="nobody")).code == "INSTANCE_NOT_FOUND"
    for verb in ("restoreBackup", "deleteBackup"):
        answer = await command(launcher, verb, instanceId="nobody", backupId="../x")
        assert answer.code == "INSTANCE_NOT_FOUND"


def test_backup_reasons_have_the_values_of_the_stored_ones() -> None:
    assert [str(each.value) for each in BackupReason] == [str(each) for each in Reason]
