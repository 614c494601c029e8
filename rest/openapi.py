"""The API description, generated from the table of routes: OpenAPI 3.1 for programs, Markdown for the docs."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mailauncher import __version__
from mailauncher.errors import ERROR_INFO, Code, Text
from resolvers.context import Context
from rest.body import AnyObject
from rest.errors import ErrorBody
from rest.field_docs import ZH
from rest.operation import Call, Operation, Parameter
from rest.responses import JSON, Response, with_etag

REFERENCE = "#/components/schemas/{name}"
ABOUT = Text(
    "管理 MaiBot 实例的 REST 接口。GraphQL 在 `/graphql`，终端在 WebSocket `/ws/{session_id}`。"
    "设置了令牌时，请求须带 `Authorization: Bearer`。错误信息默认为中文，`Accept-Language: en` 为英文。"
    "503 的应答带有 `Retry-After`（秒）。",
    "The REST API for managing MaiBot instances. GraphQL is at `/graphql`, terminals at the WebSocket"
    " `/ws/{session_id}`. If a token is set, requests must have `Authorization: Bearer`. Messages are in Chinese by"
    " default, in English with `Accept-Language: en`. A response with status 503 has `Retry-After`, in seconds.",
)
GROUPS = {
    "instances": Text("实例", "Instances"),
    "services": Text("服务", "Services"),
    "deployments": Text("部署", "Deployments"),
    "terminals": Text("终端", "Terminals"),
    "config": Text("配置", "Configuration"),
    "files": Text("文件", "Files"),
    "emojis": Text("表情包", "Emojis"),
    "persons": Text("用户信息", "Persons"),
    "resources": Text(
        "现有网页客户端的配置与资源接口", "Configuration and resources for the existing web client"
    ),
    "system": Text("系统", "System"),
    "version": Text("版本", "Version"),
    "pages": Text("页面", "Pages"),
}
_PATH_PARAMETERS = {
    "id": Text("实例 ID", "Id of the instance"),
    "instance_id": Text("实例 ID", "Id of the instance"),
    "session_id": Text("会话 ID：{instance_id}_{terminal_type}", "Session id: {instance_id}_{terminal_type}"),
    "emoji_id": Text("表情包 ID", "Id of the emoji"),
    "person_id": Text("用户信息 ID", "Id of the person"),
    "config": Text(
        "配置文件的名称，如 model、adapter", "Name of the configuration file, such as model or adapter"
    ),
    "file": Text("image_url 中的文件名", "File name, as in `image_url`"),
}
_EVERYWHERE = (Code.PERMISSION_DENIED, Code.INTERNAL_ERROR)


def operation(documented: tuple[Operation, ...]) -> Operation:
    """The operation that returns this document, which describes the others and itself."""
    table: list[Operation] = [*documented]
    written: dict[str, Response] = {}

    async def _openapi(_ctx: Context, call: Call) -> Response:
        language = call.language
        if language not in written:
            body = msgspec.json.encode(await asyncio.to_thread(document, table, language))
            written[language] = with_etag(body, (JSON, (b"vary", b"Accept-Language")))
        return written[language]

    table.append(
        Operation(
            method="GET",
            path="/api/v1/openapi.json",
            group="pages",
            text=Text("OpenAPI 3.1 文档", "Get this document as OpenAPI 3.1"),
            handler=_openapi,
            public=True,
        )
    )
    return table[-1]


def document(operations: Sequence[Operation], language: str) -> dict[str, Any]:
    """The OpenAPI document of the operations, in one language."""
    kinds: list[type[msgspec.Struct]] = [ErrorBody, *(kind for row in operations for kind in _kinds(row))]
    _, schemas = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=REFERENCE)
    for kind in kinds:
        if issubclass(kind, AnyObject):
            schemas[kind.__name__] |= {"properties": {}, "required": [], "additionalProperties": True}
    paths: dict[str, dict[str, Any]] = {}
    for row in operations:
        paths.setdefault(row.path, {})[row.method.lower()] = _described(row, language)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MaiLauncher",
            "version": __version__,
            "description": ABOUT.in_language(language),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text.in_language(language)} for name, text in GROUPS.items()],
        "paths": paths,
        "components": {
            "schemas": {name: _in_language(schema, language) for name, schema in schemas.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _kinds(row: Operation) -> tuple[type[msgspec.Struct], ...]:
    return row.request if row.response is None else (*row.request, row.response)


def _described(row: Operation, language: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": row.name,
        "tags": [row.group],
        "summary": row.text.in_language(language),
        "parameters": [*_path_parameters(row, language), *(_query(p, language) for p in row.query)],
        "responses": _responses(row, language),
        "x-changes": row.changes,
    }
    if row.details is not None:
        described["description"] = row.details.in_language(language)
    if row.request:
        schemas = [{"$ref": REFERENCE.format(name=kind.__name__)} for kind in row.request]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        described["requestBody"] = {
            "required": not row.body_optional,
            "content": {"application/json": {"schema": schema}},
        }
    if row.receives:
        described["requestBody"] = {"required": True, "content": {row.receives: {}}}
    if row.public:
        described["security"] = [{}]
    return described


def parameters(path: str) -> list[str]:
    """The names of a path's parameters."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_parameters(row: Operation, language: str) -> Iterable[dict[str, Any]]:
    for name in parameters(row.path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name].in_language(language),
            "schema": {"type": "string"},
        }


def _query(parameter: Parameter, language: str) -> dict[str, Any]:
    values = {"enum": list(parameter.values)} if parameter.values else {}
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.text.in_language(language),
        "schema": {"type": "string", **values},
    }


def _responses(row: Operation, language: str) -> dict[str, Any]:
    schema = (
        {} if row.response is None else {"schema": {"$ref": REFERENCE.format(name=row.response.__name__)}}
    )
    good = Text("成功", "Success").in_language(language)
    responses: dict[str, Any] = {"200": {"description": good, "content": dict.fromkeys(row.media, schema)}}
    if row.cache_key is not None:
        same = Text("与 If-None-Match 所指相同", "Not modified since the ETag in If-None-Match")
        responses["304"] = {"description": same.in_language(language)}
    by_status: dict[int, list[Code]] = {}
    for code in codes(row):
        by_status.setdefault(ERROR_INFO[code].http, []).append(code)
    body = {"application/json": {"schema": {"$ref": REFERENCE.format(name=ErrorBody.__name__)}}}
    for status in sorted(by_status):
        meanings = (f"- `{c}`: {ERROR_INFO[c].meaning.in_language(language)}" for c in by_status[status])
        responses[str(status)] = {"description": "\n".join(meanings), "content": body}
    return responses


def codes(row: Operation) -> list[Code]:
    """All error codes of the route."""
    sent = (Code.INVALID_PARAMETER, Code.FILE_TOO_LARGE) if row.request else ()
    stored = (Code.DATABASE_ERROR,) if row.changes else ()
    return list(dict.fromkeys((*row.codes, *sent, *_EVERYWHERE, *stored)))


def _in_language(schema: Any, language: str) -> Any:
    """A schema with its descriptions in one language. Structs have theirs from docstrings, so only in English; those of
    enums are for developers and are left out."""
    if isinstance(schema, list):
        return [_in_language(item, language) for item in schema]
    if not isinstance(schema, dict):
        return schema
    translated = {key: _in_language(value, language) for key, value in schema.items() if key != ZH}
    if isinstance(schema.get("description"), str):
        if language != "en" and ZH in schema:
            translated["description"] = schema[ZH]
        elif (language != "en" or "enum" in schema) and ZH not in schema:
            del translated["description"]
    return translated


def markdown(operations: Sequence[Operation]) -> str:
    """The same as a Markdown page, in English."""
    spec = document(operations, "en")
    parts = ["# REST API", ABOUT.en, "## Errors", _fields(spec, ErrorBody), _code_table()]
    for group, title in GROUPS.items():
        parts.append(f"## {title.en}")
        for row in operations:
            if row.group == group:
                parts += _entry(spec, row)
    return "\n\n".join(parts) + "\n"


def _code_table() -> str:
    rows = (f"| `{code}` | {info.http} | {info.meaning.en} |" for code, info in ERROR_INFO.items())
    return "\n".join(("| Code | Status | Meaning |", "| --- | --- | --- |", *rows))


def _entry(spec: dict[str, Any], row: Operation) -> Iterable[str]:
    described = spec["paths"][row.path][row.method.lower()]
    yield f"### {row.method} {row.path}"
    sentences = [f"{described['summary']}.", described.get("description", "")]
    sentences.append("No token required." if row.public else "")
    changes = row.changes and row.method == "GET"
    sentences.append(
        "Has side effects although it is a GET: pages of other origins may not call it." if changes else ""
    )
    yield "\n".join(sentence for sentence in sentences if sentence)
    if described["parameters"]:
        yield _bullets((p["name"], " | ".join(_values(p)), p["description"]) for p in described["parameters"])
    for number, kind in enumerate(row.request):
        yield "**Or**" if number else "**Body**"
        yield _fields(spec, kind)
    if row.receives:
        yield f"**Body**: `{row.receives}`"
    if row.response is None:
        yield "**Response**: " + " or ".join(f"`{media}`" for media in row.media)
    else:
        yield "**Response**"
        yield _fields(spec, row.response)
    yield "**Errors**: " + ", ".join(f"`{code}` ({ERROR_INFO[code].http})" for code in codes(row))


def _fields(spec: dict[str, Any], kind: type[msgspec.Struct]) -> str:
    if issubclass(kind, AnyObject):
        return str(spec["components"]["schemas"][kind.__name__]["description"])
    return _bullets(_flat(spec, spec["components"]["schemas"][kind.__name__], ""))


def _values(parameter: dict[str, Any]) -> list[str]:
    return parameter["schema"].get("enum", ["string"])  # type: ignore[no-any-return]  # a JSON document


def _bullets(rows: Iterable[tuple[str, str, str]]) -> str:
    return "\n".join(f"- `{name}` ({kind}): {text}" for name, kind, text in rows)


def _flat(spec: dict[str, Any], schema: dict[str, Any], prefix: str) -> Iterable[tuple[str, str, str]]:
    """(name, type, meaning) of every field; fields of nested objects follow the object."""
    for name, field in schema.get("properties", {}).items():
        inner = _resolved(spec, field)
        inside = _resolved(spec, inner["items"]) if inner.get("type") == "array" else inner
        place = f"{prefix}{name}" + ("[]" if inside is not inner else "")
        optional = "" if name in schema["required"] else ", optional"
        yield place, _kind(inner) + optional, field.get("description", "")
        yield from _flat(spec, inside, f"{place}.")


def _resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference or a nullable type."""
    if "anyOf" in schema:
        schema = next(option for option in schema["anyOf"] if option.get("type") != "null")
    if "$ref" in schema:
        return spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]  # type: ignore[no-any-return]
    return schema


def _kind(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return msgspec.json.encode(schema["const"]).decode()
    if "enum" in schema:
        return " | ".join(schema["enum"]) if len(schema["enum"]) < 10 else "string"
    return str(schema.get("type", "any"))
