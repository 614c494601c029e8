"""`mailauncher settings`: values and their origins, without secrets."""

import json

import pytest

from mailauncher.settings import catalogue
from tests.support.program import Home

pytestmark = pytest.mark.slow

TOKEN = "a-secret-nobody-may-see"


def settings(place: Home, *arguments: str, **given: str) -> dict[str, dict[str, object]]:
    shown = place.run(*arguments, "settings", "--json", **given)
    assert shown.returncode == 0, shown.stderr
    return {entry["name"]: entry for entry in json.loads(shown.stdout)}


def test_each_setting_is_listed_with_its_value_and_origin(place: Home) -> None:
    place.data.mkdir()
    (place.data / "mailauncher.toml").write_text('log_level = "debug"\nport = 1\nshell = "/bin/sh"\n')
    found = settings(place)
    assert list(found) == [setting.name for setting in catalogue()]
    assert (found["log_level"]["value"], found["log_level"]["origin"]) == ("debug", "file")
    assert (found["port"]["value"], found["port"]["origin"]) == (place.port, "env")
    assert (found["host"]["value"], found["host"]["origin"]) == ("localhost", "default")


def test_a_settings_file_of_another_name_is_used(place: Home) -> None:
    file = place.folder / "other.toml"
    file.write_text("metrics_interval_s = 5\n")
    found = settings(place, MAILAUNCHER_CONFIG=str(file))
    assert (found["metrics_interval_s"]["value"], found["metrics_interval_s"]["origin"]) == (5.0, "file")


def test_secrets_are_masked(place: Home) -> None:
    shown = place.run("settings", MAILAUNCHER_TOKEN=TOKEN)
    assert 'token = "***"' in shown.stdout
    as_json = place.run("settings", "--json", MAILAUNCHER_TOKEN=TOKEN)
    assert TOKEN not in shown.stdout + shown.stderr + as_json.stdout + as_json.stderr


def test_each_setting_is_explained_in_the_chosen_language(place: Home) -> None:
    english = place.run("settings").stdout
    chinese = place.run("settings", "--lang", "zh").stdout
    for setting in catalogue():
        assert setting.en in english
        assert setting.zh in chinese
    assert f"port = {place.port}  [环境变量 MAILAUNCHER_PORT]" in chinese


def test_an_invalid_setting_is_one_line_and_status_2(place: Home) -> None:
    place.data.mkdir()
    (place.data / "mailauncher.toml").write_text("prot = 1\n")
    refused = place.run("settings")
    assert refused.returncode == 2
    assert "prot" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
