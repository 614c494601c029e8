"""Masking secrets in documents, and keeping the rest readable."""

import pytest

from bots.documents import secrets
from tests.support.documents import corpus

DOCUMENTS = [
    ("toml", 'api_key = "s3cret" # of mine\nmax_tokens = 4096\nkeyword = "open"\ntoken = ""\n'),
    ("toml", '[[p]]\napi_keys = ["s3cret", "s3cret2"]\nn = { token = "s3cret", m = 1 }\n'),
    ("toml", '[auth.secret]\nof = """\ns3cret\nopen"""\nlast = "x"\n'),
    ("toml", '# api_key = "s3cret"\nurl = "https://me:s3cret@host/open"\nkeyword = "open"\n'),
    ("toml", 'broken = = 1\napi_key = "s3cret"\nkeyword = "open"\n'),
    (
        "json",
        '{"token": "s3cret", "apiKey": "s3cret", "port": 1, "keyword": "open", "in": [{"password": "s3cret"}]}',
    ),
    ("env", "ALPHA_KEY=s3cret # mine\nexport TOKEN='s3cret\ns3cret'\nKEYWORD=open\nPASSWORD=\n"),
]


@pytest.mark.parametrize("kind, text", DOCUMENTS)
def test_only_secrets_are_masked(kind: secrets.Kind, text: str) -> None:
    shown = secrets.masked(text, kind)

    assert "s3cret" not in shown
    assert "***" in shown
    assert shown.count("\n") == text.count("\n")
    assert ("open" in shown) == ("keyword" in text.lower())
    assert ("max_tokens = 4096" in shown) == ("max_tokens" in text)


@pytest.mark.parametrize("suffix", ["toml", "json", "env"])
def test_lines_without_secrets_stay(suffix: secrets.Kind) -> None:
    for text in corpus(f".{suffix}").values():
        shown = secrets.masked(text, suffix).splitlines()
        for before, after in zip(text.splitlines(), shown, strict=True):
            assert before == after or "***" in after


@pytest.mark.parametrize(
    "name", ["key", "API_KEY", "apiKey", "accessKeys", "token", "access_token", "db.password", "SECRET"]
)
def test_secrets_are_recognised_by_name(name: str) -> None:
    assert secrets.is_secret(name)


@pytest.mark.parametrize("name", ["keyword", "monkey", "max_tokens", "keys_shown", "host", "", "hotkeys2"])
def test_other_names_are_not_secrets(name: str) -> None:
    assert not secrets.is_secret(name)
