"""`person export FILE` emptied the file before anything had arrived: what was in it was lost when nothing did. A connection
that was lost on the way was called a server that is not MaiLauncher, and a full disk a server that does not run."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.destination import destination
from mailauncher.errors import InsufficientSpace, InvalidParameter
from tests.support.preloaded import ROOT
from tests.support.program import Home
from tests.support.small_disk import fill, small_disk

INSTANCES = (
    b'{"instances": [{"id": "a", "name": "bot", "status": "stopped", "path": "", "port": 1, "version": "",'
    b' "services": []}]}'
)


def write(name: Path | str, data: bytes = b"new") -> None:
    with destination(str(name)) as file:
        file.write(data)


def test_a_file_is_replaced_with_its_mode_and_a_new_one_has_the_usual_mode(tmp_path: Path) -> None:
    former = tmp_path / "former"
    former.write_bytes(b"old")
    former.chmod(0o640)
    mask = os.umask(0o027)
    try:
        write(former)
        write(tmp_path / "created")
    finally:
        os.umask(mask)
    assert former.read_bytes() == (tmp_path / "created").read_bytes() == b"new"
    assert [path.stat().st_mode & 0o777 for path in (former, tmp_path / "created")] == [0o640, 0o640]


def test_a_link_still_leads_to_the_file_that_is_written(tmp_path: Path) -> None:
    for name, content in (("there", b"old"), ("missing", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        link = tmp_path / f"link to {name}"
        link.symlink_to(name)
        write(link)
        assert link.is_symlink()
        assert (tmp_path / name).read_bytes() == b"new"


def test_a_pipe_and_a_device_receive_what_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe)
        assert os.read(reader, 100) == b"new"
    finally:
        os.close(reader)
    write(os.devnull)
    assert list(tmp_path.iterdir()) == [pipe]


def test_what_fails_on_the_way_leaves_the_former_file(tmp_path: Path) -> None:
    with small_disk(256) as disk:
        former = disk / "people"
        former.write_bytes(b"old")
        fill(disk)
        for name in (former, disk / "other"):
            with pytest.raises(InsufficientSpace):
                write(name, bytes(1 << 20))
        assert sorted(path.name for path in disk.iterdir()) == ["filler", "people"]
        assert former.read_bytes() == b"old"
    for wrong in (tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(InvalidParameter):
            write(wrong)


class CutShort(BaseHTTPRequestHandler):
    """Answers the list of instances; of any other answer only the beginning."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.endswith("/instances"):
            self.send_header("Content-Length", str(len(INSTANCES)))
            self.end_headers()
            self.wfile.write(INSTANCES)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nfirst\r\n")
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def cut_short() -> Iterator[str]:
    """The address of a server that answers so."""
    CutShort.protocol_version = "HTTP/1.1"
    with ThreadingHTTPServer(("127.0.0.1", 0), CutShort) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_an_export_that_is_cut_short_says_so_and_leaves_the_file(place: Home, cut_short: str) -> None:
    file = place.folder / "people.jsonl"
    file.write_text("old")
    done = place.run("person", "export", "bot", str(file), "--url", cut_short)
    assert done.returncode == 6
    assert "was lost before the whole answer had arrived" in done.stderr
    assert file.read_text() == "old"
    assert [path.name for path in place.folder.iterdir() if "people" in path.name] == ["people.jsonl"]


@pytest.mark.slow
def test_output_that_finds_no_room_or_no_reader_ends_in_a_sentence_or_silence() -> None:
    """Every command whose output went to a full disk ended in a traceback."""

    def run(out: int) -> tuple[int, str]:
        command = [sys.executable, "-m", "mailauncher", "--lang", "en", "settings"]
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stderr.strip()

    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("wb") as file:
        assert run(file.fileno()) == (2, "Error INSUFFICIENT_SPACE: No space left to write the output")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run(writer) == (1, "")
    finally:
        os.close(writer)


@pytest.mark.slow
def test_a_name_for_standard_output_is_the_file_that_the_shell_has_opened(tmp_path: Path) -> None:
    code = "from cli.destination import destination as to\nwith to('/dev/stdout') as file: file.write(b'new')"
    with (tmp_path / "all").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=out, check=True)
        out.write(b" and more")
    assert (tmp_path / "all").read_bytes() == b" and more"
