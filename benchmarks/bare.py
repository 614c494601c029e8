"""The least that a Starlette server does for the same answers: `python bare.py FOLDER PORT`.

FOLDER holds the answers of MaiLauncher, a file for each of `ROUTES`. They are decoded once; each request encodes.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rest.instances import Instances
from rest.system import Health, Metrics

ROUTES: dict[str, Any] = {
    "/api/v1/instances": Instances,
    "/api/v1/system/health": Health,
    "/api/v1/system/metrics": Metrics,
}


def route(path: str, value: object) -> Route:
    encoder = msgspec.json.Encoder()

    async def answer(_request: Request) -> Response:
        return Response(encoder.encode(value), media_type="application/json")

    return Route(path, answer)


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    routes = [
        route(path, msgspec.json.decode((folder / path.rpartition("/")[2]).read_bytes(), type=kind))
        for path, kind in ROUTES.items()
    ]
    uvicorn.run(
        Starlette(routes=routes),
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    main()
