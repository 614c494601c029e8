"""A byte order mark, which some editors put before a text, was an error in the settings file and in recipes; UTF-16 was told
as a strange character somewhere."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bots.catalogue import SHIPPED, Catalogue
from bots.documents import env, file, json, toml
from mailauncher import utf8
from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.settings import load
from mailauncher.utf8 import NotUtf8
from resolvers.person_reader import FileFormat, PersonReader
from tests.support.configured import RECIPE
from tests.support.http import API, client
from tests.support.server import Launcher

MARKED = "\ufeff"


def settings(folder: Path, content: bytes) -> object:
    (folder / "mailauncher.toml").write_bytes(content)
    return load({"MAILAUNCHER_CONFIG": str(folder / "mailauncher.toml")}).port


def recipe(folder: Path, content: bytes) -> object:
    (folder / "a.toml").write_bytes(content)
    found = Catalogue(folder)
    if found.problems:
        raise ValueError(*found.problems.values())
    return list(found.recipes)


def document(language: object, name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, content: bytes) -> object:
        (folder / name).write_bytes(content)
        return dict(language.read(file.read(folder, name).text))  # type: ignore[attr-defined]

    return read


def persons(form: FileFormat) -> Callable[[Path, bytes], object]:
    def read(_folder: Path, content: bytes) -> object:
        first = PersonReader(form).feed(content, last=True)[0][1]
        if isinstance(first, InvalidParameter):
            raise first
        return first.user_id

    return read


READERS: dict[str, tuple[Callable[[Path, bytes], object], str, object]] = {
    "settings": (settings, "port = 8123\n", 8123),
    "recipe": (recipe, RECIPE.lstrip(), ["talker"]),
    "toml": (document(toml, "a.toml"), "a = 1\n", {"a": 1}),
    "json": (document(json, "a.json"), '{"a": 1}', {"a": 1}),
    "env": (document(env, ".env"), "A=1\n", {"A": "1"}),
    "jsonl": (persons(FileFormat.JSONL), '{"user_id": "1", "username": "a"}\n', "1"),
    "csv": (persons(FileFormat.CSV), "user_id,username\n1,a\n", "1"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_byte_order_mark_is_skipped_and_utf_16_is_told(tmp_path: Path, name: str) -> None:
    read, text, expected = READERS[name]
    for written in (text, MARKED + text):
        assert read(tmp_path, written.encode()) == expected
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises((LauncherError, ValueError)) as caught:
            read(tmp_path, text.encode(encoding))
        error = caught.value
        told = error.text.en if isinstance(error, LauncherError) else str(error)
        assert "UTF-16: save it as UTF-8" in told


def test_the_line_of_what_is_not_utf_8_is_told() -> None:
    with pytest.raises(NotUtf8, match="line 2") as caught:
        utf8.decode(MARKED.encode() + b"a\n" + "麦".encode("gbk"))
    assert "第 2 行" in caught.value.text.zh
    assert utf8.decode(b"") == ""


@pytest.mark.slow
async def test_a_byte_order_mark_before_a_request_body_is_skipped_and_utf_16_is_told(
    launcher: Launcher,
) -> None:
    headers = {"content-type": "application/json"}
    query = '{"query": "{ version }"}'
    add = '{"name": "a", "path": "/nowhere", "port": 1}'
    async with client(launcher) as http:
        answer = await http.post("/graphql", content=(MARKED + query).encode(), headers=headers)
        assert "data" in answer.json()
        answer = await http.post(f"{API}/instances/add", content=(MARKED + add).encode(), headers=headers)
        assert answer.json()["error"]["code"] == "INVALID_PATH"
        for place, text in (("/graphql", query), (f"{API}/instances/add", add)):
            answer = await http.post(
                place, content=text.encode("utf-16"), headers=headers | {"accept-language": "en"}
            )
            assert answer.json()["error"]["code"] == "INVALID_PARAMETER"
            assert "UTF-16: save it as UTF-8" in answer.json()["error"]["message"]


@pytest.mark.slow
def test_the_sample_bot_reads_files_with_a_byte_order_mark(tmp_path: Path) -> None:
    """The launcher keeps the mark of a file that it changes."""
    (tmp_path / ".env").write_text(f"{MARKED}PORT=1\n", "utf-8")
    (tmp_path / "a.toml").write_text(f"{MARKED}a = 1\n", "utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(SHIPPED.parent / 'sample')!r})\n"
        "from pathlib import Path\nfrom src import config\n"
        "print(config._read_env(Path('.env')), config.read_toml(Path('a.toml')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True, timeout=30
    )
    assert done.stdout.decode().strip() == "{'PORT': '1'} {'a': 1}"
