"""The gateway's host key: made once, for the server's user alone, and never replaced."""

import os
from pathlib import Path

import asyncssh
import pytest

from cli import doctor_ssh
from cli.finding import FAIL, OK, WARN
from mailauncher import host_key
from mailauncher.errors import InvalidPath
from ssh import host_key_file
from tests.support.context import settings_for


def test_it_is_made_once_and_read_again(tmp_path: Path) -> None:
    made = host_key_file.load(tmp_path)
    private = tmp_path / "ssh" / "host_ed25519"
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    content = private.read_bytes()
    private.with_suffix(".pub").unlink()
    assert host_key_file.load(tmp_path).get_fingerprint() == made.get_fingerprint()
    assert private.read_bytes() == content
    found = host_key.read_public(tmp_path)
    assert found is not None
    assert found.fingerprint == made.get_fingerprint()
    assert found.known_hosts("bots.example", 2222).startswith("[bots.example]:2222 ssh-ed25519 AAAA")
    assert found.known_hosts("bots.example", 22).startswith("bots.example ssh-ed25519 AAAA")


@pytest.mark.parametrize(
    "content, mode, why", [(None, 0o640, "chmod 600"), (b"damaged", 0o600, "not a private key")]
)
def test_one_that_cannot_be_used_is_an_error_and_stays(
    tmp_path: Path, content: bytes | None, mode: int, why: str
) -> None:
    host_key_file.load(tmp_path)
    private = tmp_path / "ssh" / "host_ed25519"
    if content is not None:
        private.write_bytes(content)
    private.chmod(mode)
    before = private.read_bytes()
    with pytest.raises(InvalidPath, match=why):
        host_key_file.load(tmp_path)
    assert private.read_bytes() == before


def test_a_link_to_a_key_that_is_away_is_an_error_and_stays(tmp_path: Path) -> None:
    """It was replaced by a new key, as where its disk was not mounted yet."""
    (tmp_path / "ssh").mkdir()
    link = tmp_path / "ssh" / "host_ed25519"
    link.symlink_to(tmp_path / "away" / "key")
    with pytest.raises(InvalidPath, match="No such file"):
        host_key_file.load(tmp_path)
    assert link.is_symlink()


def test_a_file_in_place_of_its_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "ssh").touch()
    with pytest.raises(InvalidPath, match=r"ssh is not a folder"):
        host_key_file.load(tmp_path)


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ssh" / "host_ed25519").mkdir(parents=True)
    with pytest.raises(InvalidPath):
        host_key_file.load(tmp_path)


def test_doctor_shows_it_where_the_gateway_is_on_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, ssh=True)
    assert list(doctor_ssh.examine(settings_for(tmp_path))) == []
    assert [found.verdict for found in doctor_ssh.examine(settings)] == [WARN]
    settings.data_folder.mkdir(parents=True)
    key = host_key_file.load(settings.data_folder)
    private, public = (settings.data_folder / "ssh" / name for name in ("host_ed25519", "host_ed25519.pub"))
    content = private.read_bytes()
    [shown] = doctor_ssh.examine(settings)
    assert (shown.verdict, key.get_fingerprint() in shown.what.en) == (OK, True)
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key()
    for damage in (b"damaged", other, None):
        public.unlink()
        if damage is not None:
            public.write_bytes(damage)
        wrong, shown = doctor_ssh.examine(settings)
        assert (wrong.verdict, str(public) in wrong.what.en, shown.verdict) == (WARN, True, OK)
        host_key_file.load(settings.data_folder)
        assert [found.verdict for found in doctor_ssh.examine(settings)] == [OK]
    private.chmod(0o640)
    assert [(found.verdict, "chmod 600" in found.what.en) for found in doctor_ssh.examine(settings)] == [
        (FAIL, True)
    ]
    private.unlink()
    [missing] = doctor_ssh.examine(settings)
    assert (missing.verdict, key.get_fingerprint() in missing.what.en) == (FAIL, True)
    private.write_bytes(content[:100])
    private.chmod(0o600)
    assert [found.verdict for found in doctor_ssh.examine(settings)] == [FAIL]
    private.unlink()
    os.mkfifo(private, 0o600)  # the open of which waits for somebody who writes
    assert [found.verdict for found in doctor_ssh.examine(settings)] == [FAIL]
