"""Every file that is written as a whole is on the disk, with its name, once its writer returns. Some writers only renamed
it: after a power cut, a plan or a record of a swap could be an empty file."""

import hashlib
import os
import threading
from collections.abc import Callable
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from io import BytesIO
from pathlib import Path

import pytest

from bots.backups import archive, restore
from bots.backups.archive import Manifest
from bots.database import image_files
from bots.database.undo import Undo
from bots.deploying import journal, plan, register
from bots.deploying.journal import Entry
from bots.deploying.staging import Staging
from bots.documents import file
from bots.fetching.download import download
from bots.fetching.refs import Refs
from bots.terms import accepted
from bots.terms.offered import OfferedTerms, OfferedTexts
from bots.versions import known
from bots.versions.known import VersionList
from mailauncher.beneath import Root
from tests.support.plans import Deployment, component

Writer = Callable[[Path], Path]
"""Writes a file below a folder, and returns its path."""


def backup(folder: Path) -> Path:
    (folder / "bot").mkdir()
    (folder / "bot" / "a").write_text("a")
    manifest = Manifest(instance_id="0" * 40, version="1", recipe="maibot", patterns=("a",), items=())
    archive.write(folder / "bot", folder / "a.tar.gz", manifest)
    return folder / "a.tar.gz"


def restore_record(folder: Path) -> Path:
    with Root(folder) as root:
        restore._write(root, restore._RestoreRecord((), ()))
    return folder / restore.WORK_FOLDER / "record.json"


def image(folder: Path) -> Path:
    (folder / "data").mkdir()
    with Root(folder) as root:
        image_files.put(root, "emoji/a.png", b"image", "data")
    return folder / "emoji" / "a.png"


def undo_row(folder: Path) -> Path:
    Undo(folder / "undo").keep("emoji", "key", {"a": 1})
    return next((folder / "undo").glob("*.json"))


def undo_image(folder: Path) -> Path:
    Undo(folder / "undo").keep("emoji", "key", {"a": 1}, BytesIO(b"image"), ".png")
    return next((folder / "undo").glob("*.png"))


def deployment_plan(folder: Path) -> Path:
    deployment = Deployment(folder, component())
    plan.write(deployment.folder, deployment.plan)
    return deployment.folder / plan.PLAN_FILE


def shortened_journal(folder: Path) -> Path:
    for number in range(journal.LIMIT_BYTES // 2_000_000 + 1):
        journal.append(folder, Entry(kind="log", step="check", zh="x" * 1_000_000, en=str(number)))
    journal.shorten(folder)
    return folder / plan.JOURNAL_FILE


def swap_record(folder: Path) -> Path:
    register._write_swap(folder, register.Swap((1, 2), (3, 4)))
    return folder / register.SWAP_FILE


def deployment_marker(folder: Path) -> Path:
    register._write_marker(folder, "0" * 40)
    return folder / register.MARKER


def staging_mark(folder: Path) -> Path:
    staging = Staging(Deployment(folder, component()).plan)
    staging.make()
    staging.write_mark("main.files", "commit")
    return staging.folder / "marks" / "main.files"


def version_list(folder: Path) -> Path:
    file = folder / "cache" / "versions" / "maibot.json"
    known._write(file, VersionList(1, (), Refs(tags={}, branches={}, source="")))
    return file


def offered_texts(folder: Path) -> Path:
    (folder / "cache").mkdir()
    OfferedTerms(folder)._store(OfferedTexts("0" * 40, {}))
    return folder / "cache" / "terms" / f"{'0' * 40}.json"


def consent(folder: Path) -> Path:
    (folder / "EULA.md").write_text("terms")
    accepted.accept(folder, {"EULA.md": "eula.confirmed"})
    return folder / "eula.confirmed"


def configuration(folder: Path) -> Path:
    file.write(folder, "config/bot.toml", "a = 1\n", expect=file.revision(b""))
    return folder / "config" / "bot.toml"


def downloaded(folder: Path) -> Path:
    (folder / "served").mkdir()
    (folder / "served" / "a").write_bytes(b"content")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder / "served"))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/a"
        digest = hashlib.sha256(b"content").hexdigest()
        download([url], folder / "downloads" / "a", sha256=digest, limit_bytes=100)
        thread.join()
    return folder / "downloads" / "a"


@pytest.mark.parametrize(
    "write",
    [
        *(
            backup,
            restore_record,
            image,
            undo_row,
            undo_image,
            deployment_plan,
            shortened_journal,
            swap_record,
        ),
        *(deployment_marker, staging_mark, version_list, offered_texts, consent, configuration, downloaded),
    ],
    ids=lambda write: str(write.__name__),
)
def test_a_file_and_its_name_are_on_the_disk_once_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Writer
) -> None:
    synced: list[int] = []
    sync = os.fsync

    def recording(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", recording)
    written = write(tmp_path)
    content, name = written.stat().st_ino, written.parent.stat().st_ino
    assert content in synced
    assert name in synced[synced.index(content) :], "the folder, after the file"
    assert not [path for path in written.parent.iterdir() if path.name.endswith(".new")]
