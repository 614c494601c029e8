"""A terminal's log as a file, and text found in it."""

import json
import time
from pathlib import Path

import httpx
import pytest

from mailauncher.errors import InvalidParameter
from resolvers import instances, logs
from tests.support.context import add_bot, outputs
from tests.support.server import Launcher

TALKATIVE_BOT = """
import time
print("first 你好")
print("\\x1b[31mred\\x1b[0m\\x1b[6n")
time.sleep(0.6)
print("later", flush=True)
time.sleep(600)
"""


async def _printed(launcher: Launcher, folder: Path, script: str = TALKATIVE_BOT, last: str = "later") -> str:
    bot = await add_bot(launcher.ctx, folder / "bot", script)
    await instances.start(launcher.ctx, bot.id)
    await outputs(launcher.ctx, f"{bot.id}_main", last)
    return f"{bot.id}_main"


@pytest.mark.slow
async def test_the_log_comes_as_text_without_questions_to_the_terminal(
    launcher: Launcher, tmp_path: Path
) -> None:
    session = await _printed(launcher, tmp_path)
    async with httpx.AsyncClient(base_url=launcher.url) as client:
        answer = await client.get(f"/api/v1/terminals/{session}/log")
        assert answer.text == "first 你好\r\n\x1b[31mred\x1b[0m\r\nlater\r\n"
        assert answer.headers["content-type"].startswith("text/plain")
        now = int(time.time() * 1000)
        late = await client.get(f"/api/v1/terminals/{session}/log", params={"from": now - 100, "to": now})
        assert late.text == "later\r\n"


@pytest.mark.slow
async def test_a_recording_says_when_what_was_shown(launcher: Launcher, tmp_path: Path) -> None:
    session = await _printed(launcher, tmp_path)
    async with httpx.AsyncClient(base_url=launcher.url) as client:
        answer = await client.get(f"/api/v1/terminals/{session}/log", params={"format": "asciicast"})
    header, *frames = [json.loads(line) for line in answer.text.splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert "".join(text for _, _, text in frames) == "first 你好\r\n\x1b[31mred\x1b[0m\r\nlater\r\n"
    assert frames[-1][0] - frames[0][0] >= 0.25


async def test_wrong_wishes_are_refused(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    async with httpx.AsyncClient(base_url=f"{launcher.url}/api/v1/terminals") as client:
        for query in ("format=pdf", "from=x", "from=-1", "from=5&to=3", "to=1&to=2"):
            assert (await client.get(f"/{bot.id}_main/log?{query}")).json()["error"][
                "code"
            ] == "INVALID_PARAMETER"
        assert (await client.get("/nonsense/log")).json()["error"]["code"] == "INVALID_SESSION"
        assert (await client.get(f"/{bot.id}_napcat/log")).status_code == 404
        assert (await client.get(f"/{bot.id}_main/log")).text == ""


async def test_a_text_is_found_with_its_place_page_by_page(launcher: Launcher, tmp_path: Path) -> None:
    script = "import time\nfor n in range(1000): print('row', n, '苹果' if n % 100 == 7 else '')\nprint('end', flush=True)\ntime.sleep(600)"
    session = await _printed(launcher, tmp_path, script, "end")
    found = await logs.search(launcher.ctx, session, "苹果", 0, 4)
    assert [match.line for match in found.matches] == [f"row {n} 苹果" for n in (7, 107, 207, 307)]
    assert found.next is not None
    rest = await logs.search(launcher.ctx, session, "苹果", found.next, 200)
    assert [match.line for match in rest.matches] == [f"row {n} 苹果" for n in range(407, 1000, 100)]
    assert rest.next is None
    assert (await logs.search(launcher.ctx, session, "ROW 99", rest.matches[-1].offset, 200)).matches[
        -1
    ].line == "row 999"
    with pytest.raises(InvalidParameter):
        await logs.search(launcher.ctx, session, "", 0, 10)
