"""The commands of the guide's section on PostgreSQL, in both languages, against a server that is set up as Debian's is."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from store.database_status import see
from tests.support import databases, postgres
from tests.support.context import free_port
from tests.support.layers import ROOT
from tests.support.program import Home

pytestmark = [
    pytest.mark.slow,
    databases.NEEDS_POSTGRESQL,
    pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing"),
]
PASSWORD = "p@ss/w?rd"
GUIDES = ("guide.md", "guide.zh.md")
# Whoever says `sudo -u postgres`.
SUDO = '#!/bin/sh\nshift 2\nprogram=$1\nshift\nexec "{programs}/$program" --host "{folder}" --port {port} --username {user} "$@"\n'
CERTIFICATE = (
    "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout key.pem -out ca.pem -days 2 "
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
)


def block(guide: str, name: str) -> list[str]:
    text = (ROOT / "docs" / guide).read_text("utf-8")
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```\n<!-- /{name} -->", text, re.DOTALL)
    assert found, (guide, name)
    return found[1].splitlines()


class Debian:
    """A server on localhost with a password for each user, over TLS or without, and its superuser on a socket."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.certificate = folder / "ca.pem"
        subprocess.run(["openssl", *CERTIFICATE.split()], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        self.cluster = postgres.Cluster()
        self.cluster.stop()
        data = Path(self.cluster.data)
        for name, file in (("server.crt", self.certificate), ("server.key", folder / "key.pem")):
            (data / name).write_bytes(file.read_bytes())
            (data / name).chmod(0o600)
            if os.geteuid() == 0:
                os.chown(data / name, data.stat().st_uid, -1)
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all localhost scram-sha-256\n")
        self.cluster.restart(listen_addresses="localhost", port=str(self.port), ssl="on")
        sudo = folder / "sudo"
        sudo.write_text(
            SUDO.format(
                programs=postgres.programs(),
                folder=self.cluster.folder,
                port=self.port,
                user=self.cluster.user,
            )
        )
        sudo.chmod(0o700)


@pytest.fixture
def debian(place: Home) -> Iterator[Debian]:
    server = Debian(place.folder)
    yield server
    server.cluster.remove()


def run(place: Home, debian: Debian, lines: list[str], typed: str = "") -> str:
    """Runs lines of the guide in one shell, and prints the address that they have set."""
    (place.folder / "mailauncher").write_text(f'#!/bin/sh\nexec {" ".join(place.command)} --lang en "$@"\n')
    (place.folder / "mailauncher").chmod(0o700)
    text = "\n".join(lines)
    encoded = quote(PASSWORD, safe="")
    text = text.replace(":PASSWORD@", f":{encoded}@").replace("PASSWORD", PASSWORD)
    text = text.replace("localhost:5432", f"localhost:{debian.port}")
    text = re.sub(r"@(?:localhost|db\.example)/", f"@localhost:{debian.port}/", text)
    text = text.replace("/etc/ssl/db-ca.pem", str(debian.certificate))
    environment = place.environment(PATH=f"{place.folder}:{os.environ['PATH']}")
    del environment["MAILAUNCHER_DATA"]
    done = subprocess.run(
        ["bash", "-ec", f'{text}\necho "URL=$MAILAUNCHER_DATABASE_URL"'],
        input=typed,
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=True,  # without a terminal, the password is read from the input
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert "fail" not in done.stdout
    return done.stdout.rpartition("URL=")[2].strip()


def test_both_guides_have_the_same_commands() -> None:
    for name in ("postgres-create", "postgres-copy", "postgres-pgpass", "postgres-tls"):
        assert block(GUIDES[0], name) == block(GUIDES[1], name)


def test_the_commands_of_the_guide_work_as_they_are_written(place: Home, debian: Debian) -> None:
    databases.migrated(place.folder / ".local/share/mailauncher")
    run(place, debian, block(GUIDES[0], "postgres-create"), f"{PASSWORD}\n{PASSWORD}\n")
    *copying, serve = block(GUIDES[0], "postgres-copy")
    assert serve == "mailauncher serve"
    url = run(place, debian, copying)
    place.serve(MAILAUNCHER_DATABASE_URL=url).end()
    run(place, debian, [*block(GUIDES[0], "postgres-pgpass"), "mailauncher doctor"])
    secured = run(place, debian, [*block(GUIDES[0], "postgres-tls"), "mailauncher doctor"])
    place.serve(MAILAUNCHER_DATABASE_URL=secured).end()
    # What the guide says of TLS: another name, or another authority, and there is no connection.
    (place.folder / "other").mkdir()
    subprocess.run(
        ["openssl", *CERTIFICATE.split()], cwd=place.folder / "other", check=True, stderr=subprocess.DEVNULL
    )
    for wrong in (secured.replace("/ca.pem", "/other/ca.pem"), secured.replace("localhost", "127.0.0.1")):
        problem = asyncio.run(see(wrong)).problem
        assert problem is not None
        assert "certificate" in problem.what.en.lower()
