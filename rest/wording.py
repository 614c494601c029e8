"""Descriptions of fields in both languages, where a struct is annotated."""

from typing import Any

from msgspec import Meta

ZH = "x-zh"
"""Key of the Chinese description in a generated schema; `rest.openapi` takes it out again."""


def about(zh: str, en: str, **more: Any) -> Meta:
    """What a field means, with its unit and limits. `more` goes into its JSON schema."""
    return Meta(description=en, extra_json_schema={ZH: zh, **more})
