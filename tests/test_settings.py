"""Settings: the origin of a value, and errors for invalid ones."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from mailauncher.errors import Code
from mailauncher.settings import PREFIX, SECRETS, Settings, SettingsError, catalogue, is_loopback, load

TOKEN = "a-token-of-sufficient-length"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The settings file of a data folder."""
    return tmp_path / "mailauncher.toml"


def loaded(file: Path, text: str = "", environ: Mapping[str, str] | None = None, **flags: object) -> Settings:
    """Settings with `text` in the file of the data folder."""
    if text:
        file.write_text(text, "utf-8")
    return load({"MAILAUNCHER_DATA": str(file.parent), **(environ or {})}, **flags)


def refusal(
    file: Path, text: str = "", environ: Mapping[str, str] | None = None, **flags: object
) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        loaded(file, text, environ, **flags)
    return caught.value


# Origin of a value


def test_defaults_apply_when_nothing_is_set(file: Path) -> None:
    settings = loaded(file)
    assert (settings.host, settings.port, settings.token) == ("localhost", 23456, "")


def test_the_file_overrides_the_default(file: Path) -> None:
    assert loaded(file, "port = 1001").port == 1001


def test_a_variable_overrides_the_file(file: Path) -> None:
    assert loaded(file, "port = 1001", {"MAILAUNCHER_PORT": "1002"}).port == 1002


def test_an_option_overrides_the_variable(file: Path) -> None:
    assert loaded(file, "port = 1001", {"MAILAUNCHER_PORT": "1002"}, port=1003).port == 1003


def test_an_option_that_was_not_given_changes_nothing(file: Path) -> None:
    assert loaded(file, "port = 1001", port=None).port == 1001


def test_an_empty_variable_counts_as_not_set(file: Path) -> None:
    settings = loaded(file, "port = 1001", {"MAILAUNCHER_PORT": "", "MAILAUNCHER_HOST": ""})
    assert (settings.port, settings.host) == (1001, "localhost")


@pytest.mark.parametrize("setting", catalogue(), ids=lambda setting: setting.name)
def test_each_setting_can_be_set_by_its_variable(file: Path, setting: object) -> None:
    values = {
        "host": ("127.0.0.2", "127.0.0.2"),
        "data": (str(file.parent), str(file.parent)),
        "workspace": ("/tmp/bots", "/tmp/bots"),
        "database_url": ("postgres://db/launcher", "postgres://db/launcher"),
        "token": (TOKEN, TOKEN),
        "allowed_hosts": ("Bots.Example, other", ["bots.example", "other"]),
        "allowed_origins": ("https://Bots.Example/", ["https://bots.example"]),
        "ssh": ("true", True),
        "ssh_host": (" 0.0.0.0 ", "0.0.0.0"),
        "log_level": ("debug", "debug"),
        "log_format": ("json", "json"),
        "shell": ("/bin/bash", "/bin/bash"),
        "stop_bots_at_exit": ("false", False),
        "sources_maibot": (
            "https://one.example/bot, file:///srv/bot",
            ["https://one.example/bot", "file:///srv/bot"],
        ),
        "sources": (
            "nonebot-ada=https://one.example/ada, napcat = https://one.example/NapCat.Shell.zip",
            ["nonebot-ada=https://one.example/ada", "napcat = https://one.example/NapCat.Shell.zip"],
        ),
        "github_mirror": ("https://mirror.example", "https://mirror.example/"),
        "python_index_url": ("https://index.example", "https://index.example"),
        "python": ("3.12, /opt/python3.13", ["3.12", "/opt/python3.13"]),
        "python_downloads": ("false", False),
        "deployment_accepts_terms": ("true", True),
        "terminal_log_segment_bytes": ("70000", 70000),
        "max_body_bytes": ("2048", 2048),
        "max_upload_bytes": ("4096", 4096),
        "graphql_max_tokens": ("100", 100),
    }
    name = setting.name  # type: ignore[attr-defined]  # pytest hides the type
    given, expected = values.get(name, ("4", 4))
    assert getattr(loaded(file, environ={PREFIX + name.upper(): given}), name) == expected


def test_the_file_may_be_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text("port = 1001", "utf-8")
    settings = load({"MAILAUNCHER_DATA": str(tmp_path / "data"), "MAILAUNCHER_CONFIG": str(elsewhere)})
    assert settings.port == 1001


def test_a_file_elsewhere_may_name_the_data_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(f'data = "{tmp_path / "data"}"', "utf-8")
    assert load({"MAILAUNCHER_CONFIG": str(elsewhere)}).data_folder == tmp_path / "data"


def test_a_named_file_that_is_missing_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing-here"):
        load({"MAILAUNCHER_CONFIG": str(tmp_path / "nothing-here.toml")})


def test_a_tilde_is_expanded_without_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `MAILAUNCHER_DATA=~/x` from systemd, the settings file was searched in `./~/x`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mailauncher.toml").write_text('port = 1001\nworkspace = "~/bots"', "utf-8")
    settings = load({"MAILAUNCHER_DATA": "~"})
    assert (settings.data_folder, settings.port) == (tmp_path, 1001)
    assert settings.workspace_folder == tmp_path / "bots"
    assert load({"MAILAUNCHER_CONFIG": "~/mailauncher.toml"}).port == 1001


def test_relative_folders_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({}, data="data", workspace="bots")
    assert (settings.data_folder, settings.workspace_folder) == (tmp_path / "data", tmp_path / "bots")


def test_an_empty_folder_name_is_not_the_current_folder(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    assert load({}, data="").data_folder != tmp_path
    assert loaded(file, 'data = ""').data_folder == file.parent


def test_settings_are_immutable(file: Path) -> None:
    with pytest.raises(AttributeError):
        loaded(file).port = 1  # type: ignore[misc]  # that is the point


# Invalid values

BAD = {
    "host": '""',
    "port": "0",
    "data": "1",
    "workspace": "1",
    "database_url": "1",
    "token": "1",
    "allowed_hosts": '"one"',
    "allowed_origins": "[1]",
    "log_level": '"loud"',
    "log_format": '"xml"',
    "shell": "1",
    "shell_idle_timeout_s": "0",
    "ssh": '"perhaps"',
    "ssh_host": "1",
    "ssh_port": "65536",
    "ssh_handshakes_per_minute": "0",
    "start_grace_s": "6",
    "stop_timeout_s": "-1",
    "stop_bots_at_exit": '"perhaps"',
    "terminal_log_segment_bytes": "1",
    "terminal_log_segments": "1",
    "metrics_interval_s": "0.01",
    "sources_maibot": '"one"',
    "sources": '["https://one.example/ada"]',
    "github_mirror": '"mirror.example"',
    "python_index_url": "1",
    "python": '"3.12"',
    "python_downloads": '"perhaps"',
    "deployments_at_once": "0",
    "deployment_accepts_terms": '"perhaps"',
    "versions_refresh_s": "0",
    "backups_kept": "0",
    "max_body_bytes": "1",
    "max_upload_bytes": "1",
    "graphql_max_depth": "1",
    "graphql_max_tokens": "99",
    "graphql_max_aliases": "0",
    "graphql_max_subscriptions": "0",
}


def test_there_is_an_example_of_a_bad_value_for_each_setting() -> None:
    assert sorted(BAD) == sorted(setting.name for setting in catalogue())


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_value_in_the_file_is_reported_with_setting_and_file(file: Path, name: str) -> None:
    file.write_text(f"{name} = {BAD[name]}", "utf-8")
    with pytest.raises(SettingsError) as caught:
        load({"MAILAUNCHER_CONFIG": str(file)})
    error = caught.value
    assert (error.code, error.field) == (Code.INVALID_PARAMETER, name)
    for text in error.text:
        assert name in text
        assert str(file) in text


@pytest.mark.parametrize(
    "name,expected",
    [
        ("port", "it must be an integer, at least 1, at most 65535"),
        ("log_level", "it must be one of debug, error, info, warning"),
        ("start_grace_s", "it must be a number, above 0, at most 5"),
        ("allowed_hosts", "it must be a list of strings"),
        ("stop_bots_at_exit", "it must be true or false"),
        ("host", "it must be a string, of length at least 1"),
    ],
)
def test_an_error_says_which_values_are_valid(file: Path, name: str, expected: str) -> None:
    error = refusal(file, f"{name} = {BAD[name]}")
    assert error.text.en.endswith(expected)
    assert "应为" in error.text.zh


@pytest.mark.parametrize("value", ["x", "0", "65536", "1.5", "true"])
def test_an_invalid_value_in_a_variable_is_reported_with_its_name(file: Path, value: str) -> None:
    error = refusal(file, "port = 1001", {"MAILAUNCHER_PORT": value})
    assert error.field == "port"
    assert "MAILAUNCHER_PORT" in error.text.en
    assert str(file) not in error.text.en


def test_an_invalid_value_of_an_option_is_reported_with_its_name(file: Path) -> None:
    error = refusal(file, "log_level = 'info'", {"MAILAUNCHER_LOG_LEVEL": "info"}, log_level="loud")
    assert error.field == "log_level"
    assert "--log-level" in error.text.en


@pytest.mark.parametrize("name", ["shell_idle_timeout_s", "start_grace_s", "stop_timeout_s"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_duration_that_is_not_finite_is_rejected(file: Path, name: str, value: str) -> None:
    assert refusal(file, f"{name} = {value}").field == name
    assert refusal(file, environ={PREFIX + name.upper(): value}).field == name


@pytest.mark.parametrize("text", ["potr = 8080", "[server]\nport = 8080"])
def test_an_unknown_name_in_the_file_is_rejected(file: Path, text: str) -> None:
    error = refusal(file, text)
    assert error.field in ("potr", "server")
    for words in error.text:
        assert error.field in words
        assert str(file) in words


def test_an_unknown_variable_is_ignored(file: Path) -> None:
    assert loaded(file, environ={"MAILAUNCHER_POTR": "8080"}).port == 23456


@pytest.mark.parametrize("text", ["port =", "port = 1\nport = 2", "a = " + "[" * 20_000])
def test_a_file_that_is_not_toml_is_reported_with_its_name(file: Path, text: str) -> None:
    assert str(file) in refusal(file, text).text.en


def test_a_file_that_is_not_utf8_is_reported_with_its_name(file: Path) -> None:
    file.write_bytes(b'host = "\xff"')
    assert str(file) in refusal(file).text.en


def test_a_folder_in_place_of_the_file_is_reported_with_its_name(file: Path) -> None:
    file.mkdir()
    assert str(file) in refusal(file).text.en


@pytest.mark.parametrize("name", ["data", "workspace"])
@pytest.mark.parametrize("value", ["~nobody-of-this-name/x", "a\0b"])
def test_a_folder_that_cannot_exist_is_rejected(file: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({}, **{"data": str(file.parent), name: value})
    error = caught.value
    assert error.field == name
    assert name in error.text.en


# Access from other machines


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "bots.example", "2001:db8::1"])
def test_listening_beyond_loopback_without_a_token_is_rejected(file: Path, host: str) -> None:
    error = refusal(file, host=host)
    assert error.field == "host"
    assert "MAILAUNCHER_TOKEN" in error.text.zh
    assert "MAILAUNCHER_TOKEN" in error.text.en


def test_listening_beyond_loopback_with_a_token_is_allowed(file: Path) -> None:
    assert loaded(file, host="0.0.0.0", token=TOKEN).host == "0.0.0.0"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_needs_no_token(file: Path, host: str) -> None:
    assert is_loopback(host)
    assert loaded(file, host=host).token == ""


def test_host_names_are_not_resolved_to_find_loopback() -> None:
    assert not is_loopback("localhost.example")
    assert not is_loopback("ip6-localhost")


def test_spaces_around_an_address_are_stripped(file: Path) -> None:
    assert loaded(file, environ={"MAILAUNCHER_HOST": " 127.0.0.1 "}).host == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0"])
def test_a_token_of_less_than_16_characters_is_rejected(file: Path, host: str) -> None:
    error = refusal(file, f'token = "{"x" * 15}"', host=host)
    assert error.field == "token"
    assert str(file) in error.text.en


@pytest.mark.parametrize(
    "token", [TOKEN + " ", " " + TOKEN, TOKEN + "\n", TOKEN.replace("-", " "), TOKEN + "中"]
)
def test_a_token_that_no_header_can_carry_is_rejected(file: Path, token: str) -> None:
    """With such a token, for example with a trailing line break, the server started but no client could authenticate."""
    error = refusal(file, token=token)
    assert error.field == "token"
    assert "token" in error.text.en
    assert TOKEN not in error.text.en + error.text.zh


@pytest.mark.parametrize("place", ["file", "variable", "flag"])
def test_no_message_contains_a_secret(file: Path, place: str) -> None:
    secret = "too-short"
    text = f'token = "{secret}"' if place == "file" else ""
    environ = {"MAILAUNCHER_TOKEN": secret} if place == "variable" else {}
    flags: dict[str, object] = {"token": secret} if place == "flag" else {}
    error = refusal(file, text, environ, **flags)
    assert secret not in error.text.en + error.text.zh


def test_settings_that_may_contain_a_password_are_secret() -> None:
    assert {"token", "database_url", "github_mirror", "python_index_url"} == SECRETS


@pytest.mark.parametrize(
    "host,addresses,url",
    [
        ("localhost", ["127.0.0.1", "::1"], "http://127.0.0.1:23456"),
        ("127.0.0.1", ["127.0.0.1"], "http://127.0.0.1:23456"),
        ("::1", ["::1"], "http://[::1]:23456"),
        ("0.0.0.0", ["0.0.0.0"], "http://127.0.0.1:23456"),
        ("::", ["::"], "http://127.0.0.1:23456"),
    ],
)
def test_the_url_can_be_opened_on_this_machine(file: Path, host: str, addresses: list[str], url: str) -> None:
    settings = loaded(file, host=host, token=TOKEN)
    assert (settings.addresses, settings.url) == (addresses, url)


# The catalogue


def test_the_catalogue_explains_each_setting_in_both_languages() -> None:
    names = [field.name for field in msgspec.structs.fields(Settings)]
    assert [setting.name for setting in catalogue()] == names
    for setting in catalogue():
        assert setting.variable == PREFIX + setting.name.upper()
        assert setting.zh.endswith("。")
        assert setting.en.endswith(".")
        assert not setting.zh.isascii()
        assert setting.en.isascii()


def test_the_catalogue_does_not_contain_the_home_folder() -> None:
    assert not [setting for setting in catalogue() if str(Path.home()) in setting.default]
