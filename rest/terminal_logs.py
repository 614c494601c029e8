"""Downloads a terminal's log: as text, or as a recording that can be played."""

from typing import cast

from mailauncher.errors import Code, InvalidParameter, Text
from resolvers import logs
from resolvers.context import Context
from rest.operation import Call, Operation, Parameter
from rest.responses import NO_STORE, StreamedResponse

_TYPES = {"text": ("text/plain", b"log"), "asciicast": ("application/x-asciicast", b"cast")}
_CRASH_KIB = logs.CRASH_BYTES >> 10
_CHARSET = {"text": "; charset=utf-8", "asciicast": ""}  # JSON is UTF-8 anyway


async def _download(ctx: Context, call: Call) -> StreamedResponse:
    session_id = call.path["session_id"]
    form = _single(call, "format") or "text"
    if form not in _TYPES:
        raise InvalidParameter(
            "format 应为 text 或 asciicast", "format must be text or asciicast", field="format"
        )
    chosen = cast(logs.DownloadFormat, form)
    first, last = _time(call, "from"), _time(call, "to")
    if _single(call, "part") is None:
        pieces = await logs.download(ctx, session_id, first, last, chosen)
    elif call.query("part") == ["crash"] and first is last is None:
        pieces = await logs.crash(ctx, session_id, chosen)
    else:
        raise InvalidParameter(
            "part 应为 crash，且不能与 from、to 一起给出",
            "part must be crash, and cannot be given with from or to",
            field="part",
        )
    media, ending = _TYPES[form]
    name = b'attachment; filename="%b.%b"' % (session_id.encode(), ending)
    return StreamedResponse(
        pieces,
        ((b"content-type", f"{media}{_CHARSET[form]}".encode()), (b"content-disposition", name), NO_STORE),
    )


def _time(call: Call, name: str) -> int | None:
    text = _single(call, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise InvalidParameter(
            f"{name} 应为毫秒时间戳", f"{name} must be milliseconds since 1970", field=name
        )
    return int(text)


def _single(call: Call, name: str) -> str | None:
    values = call.query(name)
    if len(values) > 1:
        raise InvalidParameter(f"{name} 只能给出一次", f"{name} may be given only once", field=name)
    return values[0] if values else None


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/terminals/{session_id}/log",
        group="terminals",
        text=Text("下载终端日志", "Download a terminal's log"),
        handler=_download,
        query=(
            Parameter("from", Text("起始时间，毫秒时间戳", "Start, in milliseconds since 1970")),
            Parameter("to", Text("结束时间，毫秒时间戳", "End, in milliseconds since 1970")),
            Parameter(
                "part",
                Text(
                    f"crash：程序上次崩溃之前的输出，最多 {_CRASH_KIB} KiB",
                    f"crash: what was printed before the program last died, at most {_CRASH_KIB} KiB",
                ),
                ("crash",),
            ),
            Parameter("format", Text("文件格式，默认 text", "File format, text by default"), tuple(_TYPES)),
        ),
        codes=(
            Code.INVALID_SESSION,
            Code.INSTANCE_NOT_FOUND,
            Code.TERMINAL_NOT_FOUND,
            Code.RESOURCE_NOT_FOUND,
            Code.INVALID_PARAMETER,
        ),
        media=tuple(media for media, _ in _TYPES.values()),
    ),
)
