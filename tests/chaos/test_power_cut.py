"""What viewers see after a power cut, which takes from the disk what was not on it yet."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mailauncher.grants import Grant, Scope
from resolvers import instances, logs, terminals
from terminals.lost import keeper_pid
from tests.support.context import PATIENCE_S, PATIENT_BOT, add_bot, outputs, parts, wait_for_end

BOT = "print('before', '-' * 1000, 'the power cut')\n" + PATIENT_BOT
LOST_BYTES = 5
BOOT = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()


def cut_power(folder: Path) -> None:
    """Kills the keeper, takes the last bytes of output, and makes the machine another start of it."""
    record = folder / "main" / "reserved"
    deadline = time.monotonic() + PATIENCE_S
    while not (record.exists() and BOOT in record.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    pid = keeper_pid(folder)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)
    [segment] = (folder / "main").glob("*.log")
    with segment.open("r+b") as file:
        file.truncate(segment.stat().st_size - LOST_BYTES)
    record.write_bytes(record.read_bytes()[:21] + b"0" * 36 + b"\n")


@pytest.mark.slow
async def test_viewers_find_what_is_left_and_no_offset_twice_after_a_power_cut(tmp_path: Path) -> None:
    async with parts(tmp_path, stop_bots_at_exit=False) as ctx:
        view = await add_bot(ctx, tmp_path / "bot", BOT)
        session_id = f"{view.id}_main"
        await instances.start(ctx, view.id)
        await outputs(ctx, session_id, "ready")
        await instances.stop(ctx, view.id)
        seen = terminals.get(ctx, session_id).end
    cut_power(tmp_path / "data" / "terminals" / view.id)
    async with parts(tmp_path) as ctx:
        looking = replace(ctx, grant=Grant(Scope.READ))
        async with terminals.attach(looking, session_id, None) as (_, recent):
            assert "before ---" in recent.data.decode()
        async with terminals.attach(looking, session_id, seen) as (attachment, _):
            piece = await anext(aiter(attachment))
            assert isinstance(piece, terminals.Piece)
            assert (piece.offset - piece.missed, piece.data) == (seen, b"")
            assert piece.offset > seen
            await instances.start(ctx, view.id)
            while not isinstance(more := await anext(aiter(attachment)), terminals.Piece):
                pass  # that it is being started
            assert (more.offset, more.data[:6]) == (piece.offset, b"before")
        part = await logs.part(ctx, session_id, piece.offset, None, 4096)
        assert part.data.startswith("before")
        assert part.end == seen - LOST_BYTES
