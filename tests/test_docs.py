"""The documentation: its links lead somewhere, its examples are true, and nothing is left out of it."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from graphql import build_schema, parse, validate

from mailauncher.bots.recipe import Archive, ConfigFile, Family, Install, Recipe
from mailauncher.cli.program import COMMANDS, tree
from mailauncher.errors import VERDICTS, Code
from mailauncher.settings import Settings, catalogue
from rest import api
from schema import root

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = "http://localhost:23456"


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text("utf-8"))


def blocks(language: str, pages: list[Path] | None = None) -> Iterator[tuple[str, str]]:
    """(page, block) of every block of code in a language."""
    for page in PAGES if pages is None else pages:
        for found, block in FENCE.findall(page.read_text("utf-8")):
            if found == language:
                yield str(page.relative_to(ROOT)), block


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, words) of every command line, comments left out."""
    for page, block in blocks("sh"):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            if "'" not in line or line.count("'") % 2 == 0:
                for part in line.split("&&"):
                    yield page, shlex.split(part, comments=True)


# Links


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made where it is read."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        found.add(re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-"))
    return found


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"!?\[[^]]*\]\(([^)\s]+)\)", prose(page)):
            if not urlsplit(target).scheme:
                yield page, target


def test_the_pages_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/guide.md", "docs/decisions/README.md"} <= set(NAMES)
    assert len(list(links())) > 50


def test_every_link_leads_somewhere() -> None:
    dead = []
    for page, target in links():
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append((page.name, target))
    assert dead == []


def test_no_link_leaves_the_repository() -> None:
    outside = [
        (page.name, target)
        for page, target in links()
        if not (page.parent / target.partition("#")[0]).resolve().is_relative_to(ROOT)
    ]
    assert outside == []


def test_the_index_names_every_page() -> None:
    index = {(DOCS / target).resolve() for page, target in links() if page == DOCS / "README.md"}
    missing = {p for p in PAGES if p.is_relative_to(DOCS) and p.parent.name != "decisions"} - index
    assert missing == {DOCS / "README.md"}


def test_the_index_of_decisions_names_every_decision() -> None:
    folder = DOCS / "decisions"
    index = [target for page, target in links() if page == folder / "README.md"]
    assert index == sorted(page.name for page in folder.glob("[0-9]*.md"))


def test_a_decision_has_its_number_and_its_three_parts() -> None:
    for page in (DOCS / "decisions").glob("[0-9]*.md"):
        headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
        assert headings[0].startswith(f"{page.name[:4]}: ")
        assert headings[1:] == ["Context", "Decision", "Consequence"], page.name


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_place_of_its_makers_machine(name: str) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|root|tmp)/[\w/.-]+", text(name)) == []


# Nothing is left out


def test_every_setting_is_documented() -> None:
    page = text("docs/configuration.md")
    assert [s.name for s in catalogue() if f"| `{s.name}` | `{s.variable}` |" not in page] == []


def test_every_command_is_documented() -> None:
    headings = re.findall(r"^## mailauncher ([\w-]+)$", text("docs/cli.md"), re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


def test_every_route_is_documented() -> None:
    headings = re.findall(r"^### (\w+ \S+)$", text("docs/reference/rest.md"), re.MULTILINE)
    assert sorted(headings) == sorted(f"{row.method} {row.path}" for row in api.TABLE)


def test_the_sockets_of_terminals_are_documented() -> None:
    assert "/ws/{session_id}" in text("docs/reference/rest.md")
    for message in (
        "input",
        "resize",
        "ping",
        "request_history",
        "output",
        "status",
        "error",
        "history_logs",
    ):
        assert f"`{message}`" in text("docs/guide.md")


def test_every_operation_of_graphql_is_documented() -> None:
    page = text("docs/reference/graphql.md")
    schema = build_schema(root.printed())
    kinds = (schema.query_type, schema.mutation_type, schema.subscription_type)
    names = [name for kind in kinds if kind for name in kind.fields]
    assert len(names) > 10
    assert [name for name in names if not re.search(rf"^\| `{name}[(:]", page, re.MULTILINE)] == []


def test_every_field_of_graphql_says_what_it_means() -> None:
    schema = build_schema(root.printed())
    silent = []
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in ("String", "Int", "Float", "Boolean", "ID"):
            continue
        parts = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        silent += [f"{name}.{part}" for part, value in parts.items() if not value.description]
        silent += [] if kind.description else [name]
    assert silent == []


# Error codes


def rows() -> dict[str, list[str]]:
    """The table of docs/errors.md: code -> the other cells."""
    found = re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", text("docs/errors.md"), re.MULTILINE)
    return {code: cells.split(" | ") for code, cells in found}


def test_every_error_code_is_documented_once_in_its_order() -> None:
    assert list(rows()) == [code.value for code in Code]


@pytest.mark.parametrize("code", Code)
def test_a_documented_code_has_its_verdict_and_both_languages(code: Code) -> None:
    http, close, exit_status, *words = rows()[code]
    assert (int(http), int(close), int(exit_status)) == tuple(VERDICTS[code])
    assert len(words) == 2
    for cell in words:
        english, _, chinese = cell.partition("<br>")
        assert english.isascii()
        assert english.endswith(".")
        assert re.search(r"[\u4e00-\u9fff]", chinese)


# Examples


def test_every_variable_that_is_named_exists() -> None:
    known = {setting.variable for setting in catalogue()} | {"MAILAUNCHER_CONFIG"}
    named = {
        name for page in PAGES for name in re.findall(r"MAILAUNCHER_[A-Z_]+[A-Z]", page.read_text("utf-8"))
    }
    assert named - known == set()


def test_every_example_of_a_command_can_be_typed() -> None:
    wrong = []
    known = tree("en").commands
    found = [(page, words) for page, words in commands() if words and words[0].endswith("mailauncher")]
    for page, (_, *line) in found:
        words = line[: line.index("|")] if "|" in line else line
        if not words or words[0].startswith("-"):
            continue
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        command = known.get(words[0])
        allowed = (
            {name for p in command.params for name in (*p.opts, *p.secondary_opts)} if command else set()
        )
        if command is None or options - allowed - {"--lang", "--help", "-h"}:
            wrong.append((page, words))
    assert wrong == []
    assert len(found) > 20


def test_every_example_of_a_route_is_one() -> None:
    wrong = []
    paths = [
        (page, urlsplit(word).path)
        for page, words in commands()
        for word in words
        if word.startswith((SERVER, "https://bots.example"))
    ]
    for page, path in paths:
        if path.strip("/") and path != "/graphql" and api.PATHS.find(path.replace("$", "")) is None:
            wrong.append((page, path))
    assert wrong == []
    assert len(paths) > 10


def queries() -> Iterator[tuple[str, str]]:
    """(page, document) of every example in GraphQL, those that curl sends included."""
    yield from blocks("graphql")
    for page, block in blocks("sh"):
        for body in re.findall(r"-d '(\{.*?\})'", block, re.DOTALL):
            yield page, json.loads(body)["query"]


def test_every_example_of_graphql_fits_the_schema() -> None:
    schema = build_schema(root.printed())
    wrong = [(page, validate(schema, parse(query))) for page, query in queries()]
    assert [entry for entry in wrong if entry[1]] == []
    assert len(wrong) > 6


def test_every_example_of_toml_is_a_recipe_or_settings() -> None:
    recipes = 0
    for page, block in blocks("toml"):
        values = tomllib.loads(block)
        if "kind" in values:
            msgspec.convert(values, Recipe)
            recipes += 1
        elif page != "CONTRIBUTING.md":
            assert set(values) <= set(Settings.__struct_fields__), page
    assert recipes == 2


def test_the_page_on_recipes_explains_every_field() -> None:
    page = text("docs/recipes.md")
    parts = {"## The fields": Recipe, "### `install`": Install, "### `config`": ConfigFile}
    for title, kind in parts.items():
        section = page.partition(f"\n{title}\n")[2].partition("\n#")[0]
        explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE))))
        assert explained == set(kind.__struct_fields__), title
    for kind in (Archive, Family):
        assert all(f"`{field}`" in page for field in kind.__struct_fields__)


def test_both_guides_tell_the_same() -> None:
    """As far as can be seen without reading them: the same headings, tables and examples, comments aside."""

    def shape(name: str) -> list[str]:
        lines = re.findall(r"^(?:##+ |```\w*|\| ).*$", text(name), re.MULTILINE)
        return [re.sub(r"(?<=[#|]) .*", "", line) for line in lines]

    def examples(name: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for _, block in blocks("sh", [ROOT / name])]

    assert shape("docs/guide.md") == shape("docs/guide.zh.md")
    assert examples("docs/guide.md") == examples("docs/guide.zh.md")


def test_the_readme_keeps_the_commands_that_are_tried() -> None:
    for name in ("demo-command", "test-command"):
        found = re.findall(
            rf"^<!-- {name} -->\n```sh\n(.+)\n```\n<!-- /{name} -->$", text("README.md"), re.MULTILINE
        )
        assert len(found) == 1, name


def test_pictures_that_are_shown_are_there() -> None:
    shown = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text("utf-8"))
    ]
    assert [target for page, target in shown if not (page.parent / target).is_file()] == []
