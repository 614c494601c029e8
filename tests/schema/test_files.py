"""The files of an instance through GraphQL."""

from pathlib import Path
from typing import Any

from bots.browsing.listing import FileOrder as Order
from bots.browsing.tree import FileKind as Kind
from schema.file import FileKind, FileOrder
from tests.support.context import add_bot
from tests.support.graphql import Answer, ask
from tests.support.server import Launcher

FILE = "name path kind size target targetKind mounted"
LIST = f"""query ($id: ID!, $path: String! = "", $order: FileOrder! = NAME, $after: String) {{
  folder(instanceId: $id, path: $path, order: $order, first: 2, after: $after) {{
    path total more cursor truncated entries {{ {FILE} modifiedAt }} }} }}"""
TEXT = f"query ($id: ID!, $path: String!) {{ fileText(instanceId: $id, path: $path) {{ text etag file {{ {FILE} }} }} }}"


async def command(launcher: Launcher, verb: str, instance_id: str, **given: Any) -> Answer:
    kind = f"{verb[0].upper()}{verb[1:]}Input"
    result = "written { text etag }" if verb == "writeFileText" else f"file {{ {FILE} }}"
    document = f"mutation ($input: {kind}!) {{ {verb}(input: $input) {{ message {result} }} }}"
    return await ask(
        launcher, document, {"Accept-Language": "en"}, input={"instanceId": instance_id, **given}
    )


async def test_files_are_listed_read_written_renamed_and_deleted(launcher: Launcher, tmp_path: Path) -> None:
    bot = (await add_bot(launcher.ctx, tmp_path / "bot")).id
    made = (await command(launcher, "createFolder", bot, path="notes")).result
    assert made["message"] == "The folder was created"
    (tmp_path / "bot" / "link").symlink_to("../outside")
    first = (await ask(launcher, LIST, id=bot)).result
    assert [entry["name"] for entry in first["entries"]] == ["notes", "bot.py"]
    assert (first["total"], first["more"], first["path"], first["truncated"]) == (3, True, "", False)
    second = (await ask(launcher, LIST, id=bot, after=first["cursor"])).result
    [link] = second["entries"]
    assert (link["kind"], link["target"], link["targetKind"]) == ("LINK", "../outside", None)
    assert not second["more"]
    written = (await command(launcher, "writeFileText", bot, path="notes/a", text="one")).result["written"]
    read = (await ask(launcher, TEXT, id=bot, path="notes/a")).result
    assert (read["text"], read["etag"], read["file"]["size"]) == ("one", written["etag"], 3)
    changed = await command(launcher, "writeFileText", bot, path="notes/a", text="two", ifMatch="x")
    assert changed.code == "CONFLICT"
    moved = (await command(launcher, "renameFile", bot, path="notes/a", newPath="b")).result
    assert (moved["message"], moved["file"]["path"]) == ("Moved", "b")
    refused = await command(launcher, "deleteFile", bot, path="../bot")
    assert (refused.code, refused.error["extensions"]["field"]) == ("INVALID_PATH", "path")
    gone = (await command(launcher, "deleteFile", bot, path="notes")).result
    assert (gone["message"], gone["file"]["kind"]) == ("Deleted", "FOLDER")
    (unknown, missing) = (await ask(launcher, LIST, id="nobody"), await ask(launcher, TEXT, id=bot, path="a"))
    assert (unknown.code, missing.code) == ("INSTANCE_NOT_FOUND", "RESOURCE_NOT_FOUND")


def test_kinds_and_orders_have_the_values_of_those_behind_them() -> None:
    assert [str(each.value) for each in FileKind] == [str(each) for each in Kind]
    assert [str(each.value) for each in FileOrder] == [str(each) for each in Order]
