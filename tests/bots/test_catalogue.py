"""The recipes, shipped and a user's own."""

import tomllib
from pathlib import Path

import pytest

from bots.catalogue import SHIPPED, Catalogue
from bots.recipe import Recipe
from mailauncher.errors import ResourceNotFound
from tests.support.unprivileged import nobodys_folder

TITLES = """
[title]
zh = "某物"
en = "Something"
[description]
zh = "某物"
en = "Something"
"""


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue(SHIPPED)


def own(data: Path, name: str, text: str) -> Path:
    """A recipe of the user's own."""
    file = data / "recipes" / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(text + TITLES, "utf-8")
    return file


def folder(place: Path, *files: str) -> Path:
    """A folder with empty files."""
    for name in files:
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return place


# Those that are shipped


def test_the_shipped_recipes_are_valid(shipped: Catalogue) -> None:
    assert shipped.problems == {}
    assert set(shipped.recipes) >= {"maibot", "napcat", "nonebot-ada", "custom"}


def test_each_shipped_recipe_has_the_name_of_its_file(shipped: Catalogue) -> None:
    assert sorted(shipped.recipes) == sorted(file.stem for file in SHIPPED.glob("*.toml"))


def test_a_new_file_of_1x_is_one_that_the_bot_completes(shipped: Catalogue) -> None:
    """A fresh 1.x kept the few keys that it was given for ever, without a comment, because they had its own version."""
    files = {file.name: file for file in shipped.get("maibot").of("1.2.1").config}
    version = tomllib.loads(files["bot"].content)["inner"]["version"]
    # Up to 8.9.4 it takes a file for one of 0.x, and asks. The first release of 1.x has 8.14.2.
    assert (8, 9, 4) <= tuple(map(int, version.split("."))) < (8, 14, 2)


def test_what_1x_and_its_adapter_apply_while_they_run_needs_no_restart(shipped: Catalogue) -> None:
    """For a list of groups a restart was asked for, and messages of the new group had come through before it."""
    for name in ("maibot", "nonebot-ada"):
        files = {file.name: file for file in shipped.get(name).of("1.2.1").config}
        assert not files["bot" if name == "maibot" else "adapter"].restart
    (standalone,) = shipped.get("nonebot-ada").of("0.12.3").config
    assert standalone.restart


def recipes() -> list[Recipe]:
    return list(Catalogue(SHIPPED).recipes.values())


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_a_shipped_recipe_is_usable(recipe: Recipe, shipped: Catalogue) -> None:
    assert recipe.title.text.zh
    assert recipe.description.text.en
    assert 0 <= recipe.port <= 65535
    # Whatever ignores every polite signal must still come to its end.
    assert (recipe.stop[-1].signal, recipe.stop[-1].to) == ("SIGKILL", "tree")
    assert set(recipe.needs) <= {"main", *(service.name for service in shipped.services())}


@pytest.mark.parametrize(
    "version, has_page",
    [
        ("0.10.3-beta", False),
        ("0.11.4-beta", False),
        ("0.11.6-beta", True),
        ("0.12.3", True),
        ("1.2.1", True),
    ],
)
def test_each_family_of_maibot_with_a_web_page_of_its_own_has_what_that_needs(
    shipped: Catalogue, version: str, has_page: bool
) -> None:
    """Only 0.12 got httpx, without which the WebUI of 0.11 answers no request of its API either."""
    recipe = shipped.get("maibot").of(version)
    assert (recipe.web is not None) == has_page
    assert recipe.install is not None
    if has_page and not version.startswith("1"):  # which lists it itself
        assert "httpx" in recipe.install.packages


def test_the_services_are_those_of_the_reference(shipped: Catalogue) -> None:
    described = {recipe.name: recipe.description.zh for recipe in shipped.services()}
    assert (described["napcat"], described["nonebot-ada"]) == ("NapCat 服务", "NoneBot Ada 服务")
    assert (shipped.get("napcat").port, shipped.get("nonebot-ada").port) == (8095, 18002)


@pytest.mark.parametrize(
    "terminal,service",
    [("nonebot", "nonebot-ada"), ("nonebot-ada", "nonebot-ada"), ("napcat", "napcat"), ("other", "other")],
)
def test_a_service_is_found_by_every_name_of_its_terminal(
    shipped: Catalogue, terminal: str, service: str
) -> None:
    assert shipped.service_name(terminal) == service


def test_an_unknown_recipe_is_not_found(shipped: Catalogue) -> None:
    with pytest.raises(ResourceNotFound, match="nonsense"):
        shipped.get("nonsense")


# Folders


def test_a_folder_with_a_bot_py_is_a_maibot(shipped: Catalogue, tmp_path: Path) -> None:
    assert shipped.recognise(folder(tmp_path, "bot.py")).name == "maibot"


def test_an_unrecognised_folder_is_treated_as_a_maibot(shipped: Catalogue, tmp_path: Path) -> None:
    assert shipped.recognise(tmp_path).name == "maibot"


@pytest.mark.parametrize("name", ["napcat", "NapCat", "NapCatQQ"])
@pytest.mark.parametrize("file", ["main.py", "start.sh", "launcher.sh", "napcat.mjs", "index.js"])
def test_napcat_is_found_by_its_folder_and_one_of_its_files(
    shipped: Catalogue, tmp_path: Path, name: str, file: str
) -> None:
    (found,) = shipped.services_in(folder(tmp_path, f"{name}/{file}"))
    assert (found[0].name, found[1]) == ("napcat", tmp_path / name)


def test_both_services_are_found(shipped: Catalogue, tmp_path: Path) -> None:
    folder(tmp_path, "napcat/index.js", "MaiBot-Napcat-Adapter/main.py", "logs/main.py")
    found = {recipe.name: place.name for recipe, place in shipped.services_in(tmp_path)}
    assert found == {"napcat": "napcat", "nonebot-ada": "MaiBot-Napcat-Adapter"}


def test_a_folder_without_the_files_of_a_service_is_not_that_service(
    shipped: Catalogue, tmp_path: Path
) -> None:
    folder(tmp_path, "napcat/readme.txt", "nonebot")
    assert shipped.services_in(tmp_path) == []


def test_a_service_has_one_folder_even_if_two_fit(shipped: Catalogue, tmp_path: Path) -> None:
    folder(tmp_path, "adapter/main.py", "nonebot-ada/main.py")
    (found,) = shipped.services_in(tmp_path)
    assert found[1].name == "nonebot-ada"


def test_inaccessible_folders_are_not_found(shipped: Catalogue) -> None:
    """One such subfolder made `add` answer with an internal error."""
    with nobodys_folder() as place:
        folder(place, "napcat/index.js", "adapter/main.py")
        (place / "napcat").chmod(0)
        assert [recipe.name for recipe, _ in shipped.services_in(place)] == ["nonebot-ada"]
        place.chmod(0o400)
        assert shipped.services_in(place) == []
        assert shipped.recognise(place).name == "maibot"


# A user's own


def test_a_users_recipe_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    own(tmp_path, "mine.toml", 'name = "napcat"\nkind = "service"\nrun = [["node", "my.mjs"]]\nport = 3001')
    catalogue = Catalogue.load(tmp_path)
    assert catalogue.problems == {}
    assert (catalogue.get("napcat").port, catalogue.get("napcat").run) == (3001, (("node", "my.mjs"),))
    assert catalogue.get("maibot").run == Catalogue(SHIPPED).get("maibot").run


def test_a_users_recipe_is_added_to_the_shipped_ones(tmp_path: Path) -> None:
    own(tmp_path, "extra.toml", 'name = "extra"\nkind = "service"\nrun = [["extra"]]\nterminals = ["x"]')
    catalogue = Catalogue.load(tmp_path)
    assert "extra" in [recipe.name for recipe in catalogue.services()]
    assert catalogue.service_name("x") == "extra"


def test_the_recipe_that_requires_most_files_is_chosen(tmp_path: Path) -> None:
    """The shipped `maibot` came first and took every folder with a bot.py."""
    own(tmp_path, "a.toml", 'name = "fork"\nkind = "bot"\nrun = []\ndetect = ["bot.py", "fork.txt"]')
    catalogue = Catalogue.load(tmp_path)
    assert catalogue.recognise(folder(tmp_path / "one", "bot.py", "fork.txt")).name == "fork"
    assert catalogue.recognise(folder(tmp_path / "two", "bot.py")).name == "maibot"
    assert catalogue.recognise(folder(tmp_path / "three", "fork.txt")).name == "maibot"


def test_of_equally_fitting_recipes_the_users_own_is_chosen(tmp_path: Path) -> None:
    own(tmp_path, "a.toml", 'name = "fork"\nkind = "bot"\nrun = []\ndetect = ["bot.py"]')
    assert Catalogue.load(tmp_path).recognise(folder(tmp_path / "one", "bot.py")).name == "fork"


def test_a_service_is_not_recognised_as_a_bot(tmp_path: Path) -> None:
    own(tmp_path, "a.toml", 'name = "x"\nkind = "service"\nrun = []\ndetect = ["bot.py", "x.txt"]')
    assert Catalogue.load(tmp_path).recognise(folder(tmp_path / "one", "bot.py", "x.txt")).name == "maibot"


def test_without_own_recipes_the_shipped_ones_are_loaded(tmp_path: Path) -> None:
    assert Catalogue.load(tmp_path).recipes == Catalogue(SHIPPED).recipes


WRONG = {
    "no TOML": "name = ",
    "a name that is missing": 'kind = "bot"\nrun = []',
    "an unknown kind": 'name = "x"\nkind = "plant"\nrun = []',
    "an unknown key": 'name = "x"\nkind = "bot"\nrun = []\ncolour = "red"',
    "an unknown signal": 'name = "x"\nkind = "bot"\nrun = []\nstop = [{ signal = "SIGSEGV" }]',
    "an empty command": 'name = "x"\nkind = "bot"\nrun = [[]]',
    "a command that is a text": 'name = "x"\nkind = "bot"\nrun = ["python bot.py"]',
    "a name that no terminal can have": 'name = "Two Words"\nkind = "service"\nrun = []',
    "the name of the main program": 'name = "main"\nkind = "service"\nrun = []',
    "a line that is no expression": 'name = "x"\nkind = "bot"\nrun = []\nready = { line = "(" }',
    "a line that looks back": 'name = "x"\nkind = "bot"\nrun = []\nready = { line = "(a)\\\\1" }',
    "a sign that is no expression": (
        'name = "x"\nkind = "bot"\nrun = []\nlogin = { files = "a*", env = "A", signs = { asks = "(", done = "b" } }'
    ),
    "a release that is no expression": (
        'name = "x"\nkind = "bot"\nrun = []\nrelease = [{ file = "a", pattern = "((a)" }]'
    ),
    "a complaint that is no expression": 'name = "x"\nkind = "service"\nrun = []\nnot_loaded = "(("',
    "a complaint without a reason": 'name = "x"\nkind = "service"\nrun = []\nnot_loaded = "a"',
    "a pattern for part of a name": 'name = "x"\nkind = "bot"\nrun = []\nconfig = [{ name = "a", path = "a*/b.toml" }]',
    "two patterns": 'name = "x"\nkind = "bot"\nrun = []\nconfig = [{ name = "a", path = "*/*/b.toml" }]',
    "a pattern that is to be created": (
        'name = "x"\nkind = "bot"\nrun = []\nconfig = [{ name = "a", path = "*/b.toml", content = "c" }]'
    ),
    "a wait without end": 'name = "x"\nkind = "bot"\nrun = []\nstop = [{ signal = "SIGINT", wait_s = nan }]',
    "a wait of less than nothing": 'name = "x"\nkind = "bot"\nrun = []\nstop = [{ signal = "SIGINT", wait_s = -1 }]',
    "no time to get ready": 'name = "x"\nkind = "bot"\nrun = []\nready = { port = true, within_s = inf }',
    "no end": "a = " + "[" * 20_000,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_an_invalid_recipe_is_reported_and_all_others_work(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = own(tmp_path, "wrong.toml", text)
    own(tmp_path, "x-right.toml", 'name = "right"\nkind = "bot"\nrun = []')
    catalogue = Catalogue.load(tmp_path)
    assert list(catalogue.problems) == [file]
    assert catalogue.problems[file]
    assert str(file) in caplog.text
    assert set(catalogue.recipes) == {*Catalogue(SHIPPED).recipes, "right"}


def test_an_invalid_recipe_does_not_replace_a_shipped_one(tmp_path: Path) -> None:
    own(tmp_path, "maibot.toml", 'name = "maibot"\nkind = "bot"\nrun = 1')
    assert Catalogue.load(tmp_path).get("maibot") == Catalogue(SHIPPED).get("maibot")


def test_an_unreadable_recipe_is_reported(tmp_path: Path) -> None:
    file = own(tmp_path, "wrong.toml", "")
    file.write_bytes(b"\xff")
    (tmp_path / "recipes" / "folder.toml").mkdir()
    (tmp_path / "recipes" / "link.toml").symlink_to("nowhere")
    assert len(Catalogue.load(tmp_path).problems) == 3
