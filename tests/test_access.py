"""Authentication by token."""

from pathlib import Path

from mailauncher.access import bearer_token, token_matches
from tests.support.context import settings_for

TOKEN = "correct-horse-battery-staple"


def test_only_the_whole_token_matches(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, token=TOKEN)
    assert token_matches(settings, TOKEN)
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "口令", "\udcff"):
        assert not token_matches(settings, wrong)


def test_any_token_matches_when_none_is_set(tmp_path: Path) -> None:
    assert token_matches(settings_for(tmp_path), "")
    assert token_matches(settings_for(tmp_path), "anything")


def test_the_bearer_scheme_is_case_insensitive() -> None:
    headers = ("Bearer a b ", "bearer x", "Basic x", "", "Bearer")
    assert [bearer_token(header) for header in headers] == ["a b", "x", "", "", ""]
