"""What the gateway offers, as ssh-audit judges it, and that it refuses too many connections from the first moment."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from ssh import algorithms
from tests.support import ssh

pytestmark = pytest.mark.slow


async def test_ssh_audit_finds_no_fault_and_warns_of_one_exchange_that_older_clients_need(
    tmp_path: Path,
) -> None:
    async with ssh.gateway(tmp_path, ssh_handshakes_per_minute=10) as place:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ssh_audit", "-jj", "-p", str(place.port), "127.0.0.1"),
            stdout=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        found = json.loads((await process.communicate())[0])
    assert found["additional_notes"] == []
    assert found["cves"] == []
    assert found["compression"] == ["none"]
    notes = {
        (level, entry["algorithm"])
        for kind in ("kex", "key", "enc", "mac")
        for entry in found[kind]
        for level in ("fail", "warn")
        if level in entry["notes"]
    }
    assert notes == {("warn", "curve25519-sha256")}
    offered = [entry["algorithm"] for entry in found["kex"]]
    assert tuple(offered[:2]) == algorithms.KEY_EXCHANGES
