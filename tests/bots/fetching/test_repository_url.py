"""Which URLs of repositories are accepted, and how they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.fetching.repository_url import LOCAL_SCHEMES, check_url, redacted
from mailauncher.errors import InvalidParameter

PASSWORD = "sesame-0451"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Mai-with-u/MaiBot",
        "https://user:pass@example.org:8443/a/b.git",
        "http://127.0.0.1:8000/bot",
        "ssh://git@example.org/bot.git",
        "git://example.org/bot",
        "git@example.org:group/bot.git",
        "https://[::1]:8000/bot",
        "https://例子.中国/机器人",
    ],
)
def test_a_url_with_a_known_transport_is_accepted(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bot",
        "/srv/bot",
        "../bot",
        "C:\\bot",
        "file:///srv/bot",
        "ext::sh -c touch% gone",
        "fd::17",
        "https::https://example.org/bot",
        "ftp://example.org/bot",
        "git+ssh://example.org/bot",
        "HTTPS://example.org/bot",
        "--upload-pack=touch gone",
        "-https://example.org/bot",
        "https://",
        "https:///bot",
        "https://example.org",
        "https://example.org/",
        "https://-oProxyCommand=x/bot",
        "ssh://-oProxyCommand=x/bot",
        "ssh://-oProxyCommand=x@example.org/bot",
        "ssh://git@-oProxyCommand=x/bot",
        "git@-oProxyCommand=x:bot",
        "-oProxyCommand@example.org:bot",
        "git@example.org:-bot",
        "git@example.org::bot",
        "git@example.org:",
        "https://example.org/bot\n",
        "https://example.org/\x1b[2Jbot",
        "https://example.org/bot\0",
        "https://example.org/bot\u2028",
        "https://example.org/\udc80",
        "https://example.org/" + "a" * 2048,
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameter):
        check_url(url)


def test_a_file_url_is_accepted_only_with_local_schemes() -> None:
    check_url("file:///srv/my bots/bot", LOCAL_SCHEMES)
    for url in ("file://", "file:///", "file://host/bot", "file://-x/bot"):
        with pytest.raises(InvalidParameter):
            check_url(url, LOCAL_SCHEMES)


def test_a_refused_url_is_shown_without_its_password() -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_url(f"ftp://user:{PASSWORD}@example.org/bot")
    assert PASSWORD not in str(caught.value.text)
    assert "example.org" in caught.value.text.zh


@given(st.text(min_size=1).filter(lambda text: "/" not in text))
def test_user_information_in_a_url_is_not_shown(secret: str) -> None:
    assert redacted(f"https://{secret}@example.org/bot") == "https://***@example.org/bot"


def test_a_long_password_and_a_token_in_the_query_are_not_shown() -> None:
    assert (
        redacted(f"https://u:{'x' * 2000}@example.org/bot?token={PASSWORD}")
        == "https://***@example.org/bot?token=***"
    )
