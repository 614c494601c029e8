"""Descriptions of struct fields in both languages."""

from typing import Any

from msgspec import Meta

ZH = "x-zh"
"""Key of the Chinese description in a generated JSON schema; `rest.openapi` removes it."""


def about(zh: str, en: str, **more: Any) -> Meta:
    """A field's meaning, unit and limits. `more` is added to its JSON schema."""
    return Meta(description=en, extra_json_schema={ZH: zh, **more})
