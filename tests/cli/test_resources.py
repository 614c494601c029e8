"""`emoji` and `person`: the resources of an instance from the command line."""

import json
from pathlib import Path

import pytest

from tests.support.context import free_port
from tests.support.pictures import moving, picture
from tests.support.program import Home

pytestmark = pytest.mark.slow


@pytest.fixture
def files(place: Home) -> Path:
    """A folder with pictures, and a server with an instance called `bot`."""
    place.bot("bot")
    place.serve()
    added = place.run("add", str(place.folder / "bots" / "bot"), "--port", str(free_port()))
    assert added.returncode == 0
    (place.folder / "开心.png").write_bytes(picture())
    (place.folder / "cat.gif").write_bytes(moving())
    (place.folder / "bad.png").write_bytes(b"<svg/>")
    return place.folder


def test_pictures_are_added_listed_and_removed(place: Home, files: Path) -> None:
    added = place.run(
        "emoji",
        "add",
        "bot",
        str(files / "开心.png"),
        str(files / "cat.gif"),
        "--tag",
        "a",
        "--category",
        "c",
    )
    assert (added.returncode, added.stdout.count("The emoji was created")) == (0, 2)
    listed = place.run("emoji", "ls", "bot")
    assert listed.stdout.splitlines()[0].split() == ["NAME", "CATEGORY", "TAGS", "ID", "DESCRIPTION"]
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["cat", "开心"]
    found = json.loads(place.run("emoji", "ls", "bot", "心", "--json").stdout)
    assert [(one["name"], one["tags"], one["category"]) for one in found] == [("开心", ["a"], "c")]
    removed = place.run("emoji", "rm", "bot", "cat", found[0]["id"])
    assert removed.returncode == 0, removed.stderr
    empty = place.run("emoji", "bot", "--lang", "zh")
    assert (empty.stdout, empty.stderr.strip()) == ("", "没有表情包：Bot 首次启动后才有数据库")


def test_a_picture_that_cannot_be_added_does_not_stop_the_others(place: Home, files: Path) -> None:
    added = place.run(
        "emoji", "add", "bot", str(files / "bad.png"), str(files / "no.png"), str(files / "cat.gif")
    )
    assert added.returncode == 1
    assert "INVALID_IMAGE_FORMAT" in added.stderr
    assert "no.png" in added.stderr
    assert "cat.gif: The emoji was created" in added.stdout
    assert place.run("emoji", "rm", "bot", "unknown").returncode == 1
    assert place.run("emoji", "add", "bot").returncode == 2
    assert place.run("emoji", "ls", "nobody").returncode == 3


def test_persons_are_imported_listed_and_exported(place: Home, files: Path) -> None:
    source = files / "persons.csv"
    source.write_text("user_id,nickname\n1,小林\n2,阿树\n,none\n", "utf-8")
    told = place.run("person", "import", "bot", str(source), "--dry-run")
    assert (told.returncode, told.stdout.strip()) == (1, "2 created, 0 updated, 0 skipped, 1 failed")
    loaded = place.run("person", "import", "bot", str(source))
    assert loaded.returncode == 1
    assert loaded.stdout.strip() == "2 created, 0 updated, 0 skipped, 1 failed"
    assert loaded.stderr.startswith("Line 4 INVALID_PARAMETER")
    listed = place.run("person", "ls", "bot", "林")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["USER", "1"]
    written = place.run("person", "export", "bot")
    assert [json.loads(line)["user_id"] for line in written.stdout.splitlines()] == ["1", "2"]
    target = files / "out.csv"
    assert place.run("person", "export", "bot", str(target)).returncode == 0
    assert target.read_text("utf-8-sig").splitlines()[1] == "1,,小林,,{}"
    again = place.run("person", "import", "bot", "--existing", "skip", "--json", typed=written.stdout)
    assert (again.returncode, json.loads(again.stdout)["skipped"]) == (0, 2)
    assert place.run("person", "import", "bot", str(files / "no.csv")).returncode == 2
    assert place.run("person", "export", "bot", str(files)).returncode == 2
    former = place.run("person", "bot", "export")
    assert (former.returncode, former.stdout) == (0, written.stdout)


def test_a_failed_line_of_an_import_is_listed_or_counted(place: Home, files: Path) -> None:
    """After twenty failed lines the others went without a word, as did all lines after a stray quotation mark."""
    source = files / "stray.csv"
    source.write_text('user_id,nickname\n1,6"屏\n2,乙\n3,7"屏\n4,己\n' + '5,"x\n' * 25, "utf-8")
    loaded = place.run("person", "import", "bot", str(source))
    assert (loaded.returncode, loaded.stdout.strip()) == (1, "4 created, 0 updated, 0 skipped, 25 failed")
    assert loaded.stderr.splitlines()[0].startswith("Line 6 INVALID_PARAMETER: A closing quotation mark")
    assert loaded.stderr.splitlines()[-1] == "5 more lines failed; --json lists all of them"
