"""The past output of a terminal where the machine's clock was set back meanwhile."""

import json
import time
from pathlib import Path

import pytest

from resolvers import instances, logs
from resolvers.context import Context
from terminals import keeper
from tests.support.context import add_bot, outputs

pytestmark = pytest.mark.slow

BACK_MS = 600_000
BOT = "for line in open(0):\n    print('heard', line.strip(), flush=True)"


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the number of milliseconds that the clock of keepers differs from the machine's."""
    shift = tmp_path / "shift"
    shift.write_text("0")
    source = Path(keeper.__file__).read_text("utf-8")
    source += f"\nreal_ms = now_ms\ndef now_ms(): return real_ms() + int(open({str(shift)!r}).read())\n"
    (tmp_path / "shifted").mkdir()
    (tmp_path / "shifted" / "keeper.py").write_text(source, "utf-8")
    monkeypatch.setattr(keeper, "__file__", str(tmp_path / "shifted" / "keeper.py"))
    return shift


async def test_history_and_log_have_what_is_printed_after_the_clock_was_set_back(
    ctx: Context, tmp_path: Path, clock: Path
) -> None:
    """Nothing printed could be found by its time until the clock had caught up."""
    bot = await add_bot(ctx, tmp_path / "bot", BOT)
    session = f"{bot.id}_main"
    terminal = ctx.live.supervisor(bot.id).main_program.terminal
    await instances.start(ctx, bot.id)
    await terminal.input("before\n")
    await outputs(ctx, session, "heard before")
    clock.write_text(str(-BACK_MS))
    earlier = int(time.time() * 1000)
    since = earlier - BACK_MS - 5000

    async def recent() -> str:
        return "".join(line.data for line in await logs.history(ctx, session, since, since + 60_000))

    count = 0
    while "heard after" not in await recent():  # at most 250 ms of output have one time
        await terminal.input(f"after {(count := count + 1)}\n")
    assert "heard before" not in await recent()
    old = "".join(line.data for line in await logs.history(ctx, session, earlier - 60_000, earlier + 60_000))
    assert "heard before" in old

    until_now = await logs.download(ctx, session, since, since + 60_000, "text")
    assert b"heard after" in b"".join([part async for part in until_now])
    cast = b"".join([part async for part in await logs.download(ctx, session, None, None, "asciicast")])
    times = [json.loads(line)[0] for line in cast.splitlines()[1:]]
    assert times == sorted(times)
    assert all(moment >= 0 for moment in times)
