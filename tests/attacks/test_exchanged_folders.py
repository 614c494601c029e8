"""A program in the bot's folder exchanged a folder for a link while it was used: answers had the content of files elsewhere,
files elsewhere were written, and some answers were INTERNAL_ERROR."""

import base64
import tarfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mailauncher.errors import Code, LauncherError
from resolvers import backups, configuration, emojis, sync
from resolvers.emojis import NewEmoji
from tests.support.bot_databases import BotDatabase, picture
from tests.support.configured import write_configs, write_recipes
from tests.support.context import PATIENT_BOT, add_bot, parts, settings_for
from tests.support.exchanger import exchanging
from tests.support.http import API, client
from tests.support.server import running

ROUNDS = 60
VICTIM = 'secret = "elsewhere"\n'
EXPECTED = {None, Code.INVALID_PATH}


def victim(folder: Path) -> Path:
    """A folder elsewhere with the same names; whatever happens, it stays as it is."""
    folder.mkdir()
    (folder / "bot_config.toml").write_text(VICTIM)
    return folder


def require_untouched(folder: Path) -> None:
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"bot_config.toml": VICTIM}


def kept_by(database: BotDatabase) -> dict[str, bytes]:
    """What must stay as it is: everything but the empty log, and its index, that SQLite makes by path (docs/security.md)."""
    found = database.bytes()
    found.pop("MaiBot.db-shm", None)
    assert found.pop("MaiBot.db-wal", b"") == b""
    return found


async def outcome(work: Callable[[], Awaitable[object]]) -> tuple[Code | None, str]:
    """The code of the error, if it is one, and the answer in full."""
    try:
        return None, repr(await work())
    except LauncherError as error:
        return error.code, f"{error} {error.text}"


@pytest.mark.slow
async def test_configuration_stays_in_the_folder_while_it_is_exchanged(tmp_path: Path) -> None:
    write_recipes(tmp_path / "data")
    write_configs(tmp_path / "talker")
    elsewhere = victim(tmp_path / "elsewhere")
    seen: Counter[Code | None] = Counter()
    async with running(settings_for(tmp_path)) as launcher, client(launcher) as http:
        ctx = launcher.ctx
        bot = await add_bot(ctx, tmp_path / "talker", PATIENT_BOT)
        with exchanging(tmp_path / "talker" / "config", elsewhere):
            for number in range(ROUNDS):
                patch = {"number": number}
                for work in (
                    partial(configuration.merge, ctx, bot.id, "bot", patch),
                    partial(configuration.read, ctx, bot.id, "bot"),
                    partial(configuration.history, ctx, bot.id, "bot"),
                    partial(configuration.list_of, ctx, bot.id),
                ):
                    code, answer = await outcome(work)
                    seen[code] += 1
                    assert "elsewhere" not in answer
                place = f"{API}/config/{bot.id}/bot"
                for answered in (
                    await http.put(place, json={"config": {"n": number}}),
                    await http.get(place),
                ):
                    assert "elsewhere" not in answered.text
                    error = answered.json().get("error")
                    seen[Code(error["code"]) if error else None] += 1
        for revision in await ctx.configs.revisions.older_than(bot.id, "bot", None, 100):
            assert "elsewhere" not in await configuration.revision_text(ctx, bot.id, "bot", revision.number)
    assert seen.keys() == EXPECTED
    require_untouched(elsewhere)
    assert not [path for path in (tmp_path / "talker" / "config").iterdir() if path.name.startswith(".")]


@pytest.mark.slow
async def test_backups_and_restores_stay_in_the_folder_while_it_is_exchanged(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    theirs = BotDatabase(elsewhere, "1")
    theirs.learn_person("1", "elsewhere")
    (elsewhere / "data" / "notes").write_text("elsewhere")
    before = kept_by(theirs)
    ours = BotDatabase(tmp_path / "bot", "1")
    ours.learn_person("1", "here")
    (ours.folder / "data" / "notes").write_text("here")
    async with parts(tmp_path, backups_kept=2 * ROUNDS) as ctx:
        bot = await add_bot(ctx, ours.folder)
        first = await backups.create(ctx, bot.id)
        with exchanging(ours.folder / "data", elsewhere / "data"):
            for _ in range(ROUNDS):
                code, answer = await outcome(partial(backups.create, ctx, bot.id))
                assert code in EXPECTED, answer
        with exchanging(ours.folder / "data" / "emoji", elsewhere / "data" / "emoji"):
            for _ in range(5):
                code, answer = await outcome(partial(backups.restore, ctx, bot.id, first.id))
                # What was a link when it was looked at may be a folder when it is to be linked, which the system refuses.
                assert code in EXPECTED | {Code.PERMISSION_DENIED}, answer
        for archive in (ctx.settings.data_folder / "backups" / bot.id).iterdir():
            with tarfile.open(archive) as held:
                for member in filter(tarfile.TarInfo.isfile, held):
                    content = held.extractfile(member)
                    assert content is not None
                    assert b"elsewhere" not in content.read(), member.name
    assert kept_by(theirs) == before


@pytest.mark.slow
async def test_emojis_stay_in_the_folder_while_it_is_exchanged(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    theirs = BotDatabase(elsewhere, "1")
    theirs.learn_person("1", "elsewhere")
    stolen = picture((255, 0, 0))
    ours = BotDatabase(tmp_path / "bot", "1")
    keys = [ours.learn_emoji(picture((0, 0, number))) for number in range(10)]
    for key in keys:
        (elsewhere / "data" / "emoji" / f"{key}.png").write_bytes(stolen)
    before = kept_by(theirs)
    async with parts(tmp_path) as ctx:
        bot = await add_bot(ctx, ours.folder)
        for folder in ("data/emoji", "data"):
            with exchanging(ours.folder / folder, elsewhere / folder):
                for number in range(8):
                    given = base64.b64encode(picture((0, number, 255))).decode()
                    with suppress(LauncherError):
                        await emojis.create(
                            ctx, bot.id, NewEmoji(f"{number} {folder}".replace("/", " "), given)
                        )
                    code, answer = await outcome(partial(sync.sync, ctx, bot.id))
                    assert code in EXPECTED, answer
                    assert "elsewhere" not in answer
        assert await ctx.store.persons.oldest_first(bot.id, 0, 9) == []
        for file in (ctx.settings.data_folder / "emojis").rglob("*"):
            assert not (file.is_file() and file.read_bytes() == stolen)
        for file in (ctx.settings.data_folder / "undo").rglob("*.png"):
            assert file.read_bytes() != stolen
    assert kept_by(theirs) == before
