"""The OpenAPI document is complete and matches the server."""

import re
from pathlib import Path
from typing import Any

import pytest

from mailauncher.errors import ERROR_INFO, Code
from rest import openapi
from rest.api import TABLE
from rest.field_docs import ZH
from tests.support.context import settings_for
from tests.support.git import Repository
from tests.support.http import API, client
from tests.support.server import Launcher, running

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference" / "rest.md"
# The keywords of JSON Schema 2020-12 that may occur, with the type of their values.
KEYWORDS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "description": str,
    "type": str,
    "properties": dict,
    "required": list,
    "items": dict,
    "anyOf": list,
    "additionalProperties": (bool, dict),
    "format": str,
    "enum": list,
    "const": (bool, str, int),
    "default": (bool, str, int, list, dict, type(None)),
    "$ref": str,
}
TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}


@pytest.fixture(params=["zh", "en"])
def spec(request: pytest.FixtureRequest) -> dict[str, Any]:
    return openapi.document(TABLE, request.param)


def described(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in spec["paths"].values() for operation in item.values()]


def check_schema(schema: dict[str, Any], components: dict[str, Any]) -> None:
    """Checks a JSON schema: known keywords, known types, valid references."""
    for keyword, value in schema.items():
        assert isinstance(value, KEYWORDS[keyword]), (keyword, value)
    assert schema.get("type", "object") in TYPES
    assert set(schema.get("required", [])) <= set(schema.get("properties", {}))
    if "$ref" in schema:
        assert schema["$ref"].removeprefix("#/components/schemas/") in components
    for inner in [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]:
        check_schema(inner, components)
    if "items" in schema:
        check_schema(schema["items"], components)


def test_every_route_is_documented_and_every_documented_route_is_there(spec: dict[str, Any]) -> None:
    documented = {(method.upper(), path) for path, item in spec["paths"].items() for method in item}
    assert documented == {(row.method, row.path) for row in TABLE}


def test_the_document_has_the_parts_of_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(spec["info"])
    assert {tag["name"] for tag in spec["tags"]} >= {row.group for row in TABLE}
    for operation in described(spec):
        assert operation["summary"]
        assert operation["responses"]["200"]["description"]
        assert set(operation["tags"]) <= set(openapi.GROUPS)
        for answer in operation["responses"].values():
            assert answer["description"]
    names = [operation["operationId"] for operation in described(spec)]
    assert len(set(names)) == len(names)


def test_every_schema_is_valid(spec: dict[str, Any]) -> None:
    components = spec["components"]["schemas"]
    for schema in components.values():
        check_schema(schema, components)
    for operation in described(spec):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in [*bodies, *operation["responses"].values()]:
            for media in body.get("content", {}).values():
                check_schema(media.get("schema", {}), components)


def test_every_parameter_of_a_path_is_described(spec: dict[str, Any]) -> None:
    for path, item in spec["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            for parameter in operation["parameters"]:
                check_schema(parameter["schema"], {})
                assert parameter["required"] is (parameter["in"] == "path")


def test_every_field_is_described_in_both_languages(spec: dict[str, Any]) -> None:
    for name, schema in spec["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            assert inner.get("description"), f"{name}.{field}"
            assert ZH not in inner


def test_the_chinese_document_is_chinese_and_the_english_one_english() -> None:
    chinese, english = openapi.document(TABLE, "zh"), openapi.document(TABLE, "en")
    for one, other in zip(described(chinese), described(english), strict=True):
        assert re.search("[一-鿿]", one["summary"])
        assert not re.search("[一-鿿]", other["summary"])


def test_every_failure_is_documented_with_the_common_body(spec: dict[str, Any]) -> None:
    for row in TABLE:
        responses = spec["paths"][row.path][row.method.lower()]["responses"]
        for code in openapi.codes(row):
            answer = responses[str(ERROR_INFO[code].http)]
            assert f"`{code}`" in answer["description"]
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorBody"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_documented_code_has_its_meaning_from_the_table_of_errors(language: str) -> None:
    spec = openapi.document(TABLE, language)
    used = set()
    for row in TABLE:
        responses = spec["paths"][row.path][row.method.lower()]["responses"]
        for code in openapi.codes(row):
            info = ERROR_INFO[code]
            line = f"- `{code}`: {info.meaning.in_language(language)}"
            assert line in responses[str(info.http)]["description"].splitlines()
            used.add(code)
    assert {Code.PERMISSION_DENIED, Code.INTERNAL_ERROR} <= used


def test_operations_without_token_are_documented_as_such(spec: dict[str, Any]) -> None:
    assert spec["security"] == [{}, {"token": []}]
    for row in TABLE:
        assert spec["paths"][row.path][row.method.lower()].get("security") == ([{}] if row.public else None)


def test_the_page_in_the_docs_is_the_printed_one() -> None:
    """`mailauncher schema --docs` writes it."""
    assert REFERENCE.read_text("utf-8") == openapi.markdown(TABLE)


def test_the_page_in_the_docs_names_every_route_and_code() -> None:
    page = openapi.markdown(TABLE)
    for row in TABLE:
        assert f"### {row.method} {row.path}\n" in page
        for code in openapi.codes(row):
            assert f"`{code}`" in page


@pytest.mark.slow
async def test_the_document_is_served_in_the_callers_language(launcher: Launcher) -> None:
    async with client(launcher) as http:
        chinese = await http.get(f"{API}/openapi.json")
        assert chinese.headers["content-type"] == "application/json"
        assert chinese.json() == openapi.document(TABLE, "zh")
        english = await http.get(f"{API}/openapi.json", headers={"accept-language": "en"})
        assert english.json() == openapi.document(TABLE, "en")


@pytest.mark.slow
async def test_responses_match_the_document(tmp_path: Path, releases: Repository) -> None:
    spec = openapi.document(TABLE, "en")
    settings = settings_for(tmp_path, sources_maibot=[releases.url])
    async with running(settings) as launcher, client(launcher) as http:
        for row in TABLE:
            if row.response is None or row.changes or row.method != "GET" or "{" in row.path:
                continue
            schema = spec["components"]["schemas"][row.response.__name__]
            assert list((await http.get(row.path)).json()) == list(schema["properties"])
        wrong = (await http.get(f"{API}/instance/x/start")).json()
        assert list(wrong) == list(spec["components"]["schemas"]["ErrorBody"]["properties"])
