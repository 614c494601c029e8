"""The token, as every front door asks about it."""

from pathlib import Path

from mailauncher.access import bearer, token_matches
from tests.support.context import settings_for

TOKEN = "correct-horse-battery-staple"


def test_a_token_is_compared_whole(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, token=TOKEN)
    assert token_matches(settings, TOKEN)
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "口令", "\udcff"):
        assert not token_matches(settings, wrong)


def test_without_a_token_in_the_settings_anything_is_right(tmp_path: Path) -> None:
    assert token_matches(settings_for(tmp_path), "")
    assert token_matches(settings_for(tmp_path), "anything")


def test_a_bearer_is_found_in_whatever_case_its_scheme_is_written() -> None:
    headers = ("Bearer a b ", "bearer x", "Basic x", "", "Bearer")
    assert [bearer(header) for header in headers] == ["a b", "x", "", "", ""]
