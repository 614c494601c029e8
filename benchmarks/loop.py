"""What keeps the event loop busy in one piece: costly inputs, below the limits and beyond, through REST, GraphQL, WebSockets.

    python benchmarks/loop.py [--rounds 3] [--only TEXT] [--worst 10]

While a piece runs, no terminal is served. Prints the pieces that took most CPU time of the loop, the least of all rounds
for each input, with the place where they were. Target: no piece over 20 ms.
"""

import argparse
import asyncio
import base64
import json
import secrets
import struct
import sys
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from graphql import get_introspection_query
from served import DataFolder, Served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

TIMEOUT_S = 300
MIB = 1 << 20
LINES = 1_200_000
BOT = f"""
import sys
sys.stdout.write({chr(11)!r} * {LINES} + "\\n" * {LINES})
sys.stdout.flush()
sys.stdin.read()
"""
PERSONS = 2_000


@dataclass
class Client:
    """Sends inputs to the server about `bot`, an instance with persons, an emoji and a long log."""

    http: httpx.AsyncClient
    address: str
    folder: Path
    bot: str = ""

    async def rest(self, method: str, path: str, body: object = None, **query: str) -> bytes:
        """`{bot}` in the path is replaced. Errors are answers too."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = "/api/v1" + path.replace("{bot}", self.bot)
        return (await self.http.request(method, url, content=content, params=query)).content

    async def graphql(self, query: str, **variables: object) -> None:
        variables = {"id": self.bot} | variables
        query = query.replace("{bot}", self.bot)
        await self.http.post("/graphql", json={"query": query, "variables": variables})

    async def socket(self, query: str, **variables: object) -> None:
        """The same over a WebSocket; `{bot}` is replaced."""
        url = f"ws://{self.address}/graphql"
        async with connect(
            url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None, max_size=None
        ) as ws:
            await ws.send('{"type":"connection_init"}')
            await ws.recv()
            payload = {"query": query.replace("{bot}", self.bot), "variables": {"id": self.bot} | variables}
            await ws.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            await ws.recv()

    async def terminal(self, *sent: dict[str, object]) -> None:
        """A viewer that sends messages, then asks for a `pong` and waits for it."""
        async with connect(f"ws://{self.address}/ws/{self.bot}_main", proxy=None, max_size=None) as ws:
            for message in (*sent, {"type": "ping", "timestamp": "end"}):
                await ws.send(json.dumps(message))
            try:
                while '"pong"' not in str(await ws.recv())[:100]:
                    pass
            except ConnectionClosed:
                return

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


Input = Callable[[Client], Awaitable[Any]]
CONFIG = "query ($id: ID!) { configFile(instanceId: $id, name: %s) { %s } }"


def png(size: int) -> bytes:
    """A picture of about so many bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width = 1000
    height = size // (3 * width)
    pixels = b"".join(b"\0" + secrets.token_bytes(3 * width) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(pixels, 1))
        + chunk(b"IEND", b"")
    )


def person(number: int, **further: object) -> str:
    return json.dumps({"user_id": str(number), "username": f"用户 {number}", **further}, ensure_ascii=False)


def rest(method: str, path: str, body: object = None, **query: str) -> Input:
    return lambda client: client.rest(method, path, body, **query)


def both(query: str, **variables: object) -> dict[str, Input]:
    """By POST and over a WebSocket, where a message has at most 1 MiB."""
    return {
        "POST": lambda client: client.graphql(query, **variables),
        "ws": lambda client: client.socket(query, **variables),
    }


def inputs() -> dict[str, Input]:
    picture = base64.b64encode(png(9 * MIB)).decode()
    new = secrets.token_hex
    many = "\n".join(person(number) for number in range(100_000))
    profile = {"a" * 60_000: 1}
    toml = "".join(f"k{number} = {number}\n" for number in range(60_000))
    tables = "".join(f'[t.k{number}]\nvalue = "{number}"\n' for number in range(30_000))
    large = {"x": {f"k{number}": "v" * 20 for number in range(25_000)}}
    found: dict[str, Input] = {
        "REST: body of 190,000 keys": rest(
            "PUT", "/config/{bot}/lpmm", {"x": {f"k{n}": n for n in range(190_000)}}
        ),
        "REST: body of 16 MB of small values": rest(
            "POST", "/instances/add", b"[" + b"1," * 8_000_000 + b"1]"
        ),
        "REST: body of 1 MB, wrong type": rest("POST", "/instances/add", {"name": [*range(150_000)]}),
        "REST: body just below the limit of what is parsed here": rest(
            "POST", "/instances/add", {"name": [*range(40_000)]}
        ),
        "REST: body of 2 MB that is no JSON": rest("POST", "/instances/add", b"[" * 2 * MIB),
        "REST: emoji of 9 MiB": lambda client: client.rest(
            "POST", "/resource/{bot}/emoji", {"name": new(8), "image_data": picture}
        ),
        "REST: import of 100,000 persons that exist": rest(
            "POST", "/resource/{bot}/persons/import", many.encode(), existing="skip"
        ),
        "REST: import of 100,000 broken lines": rest(
            "POST", "/resource/{bot}/persons/import", b"x\n" * 100_000
        ),
        "REST: import of CSV, 250 KB of line breaks in quotes": rest(
            "POST",
            "/resource/{bot}/persons/import",
            b'user_id,username\na1,"' + b"\n" * 250_000 + b'"\n',
            format="csv",
        ),
        "REST: import of long profiles": lambda client: client.rest(
            "POST",
            "/resource/{bot}/persons/import",
            "\n".join(person(n, profile=profile) for n in range(200)).encode(),
            existing="update",
        ),
        "REST: export of persons": rest("GET", "/resource/{bot}/persons/export"),
        "REST: search with 200 results": rest(
            "POST", "/resource/{bot}/persons/search", {"query": "", "limit": 200}
        ),
        "REST: a file of 60,000 keys is read": _with(
            lambda client: client.write("config/bot_config.toml", toml), rest("GET", "/config/{bot}/bot")
        ),
        "REST: one key of 60,000 is changed": lambda client: client.rest(
            "PUT", "/config/{bot}/bot", {"k7": new(4)}
        ),
        "REST: one of 30,000 tables is changed": _with(
            lambda client: client.write("config/bot_config.toml", tables),
            lambda client: client.rest("PUT", "/config/{bot}/bot", {"t": {"k7": {"value": new(4)}}}),
        ),
        "REST: 25,000 keys are added": rest("PUT", "/config/{bot}/lpmm", large),
        "REST: env of 1 MB": _with(
            lambda client: client.write(".env", "".join(f"K{n}='value'\n" for n in range(65_000))),
            rest("GET", "/config/{bot}/env"),
        ),
        "REST: log as text": rest("GET", "/instance/{bot}/terminals/main/log"),
        "REST: 1,000 query parameters": lambda client: client.rest("GET", "/instances?" + "a=b&" * 10_000),
        "terminal: attach to a log of line ends": lambda client: client.terminal(),
        "terminal: history": lambda client: client.terminal(
            {"type": "request_history", "fromTime": 0, "toTime": 1 << 52}
        ),
        "terminal: input of 900 KB": lambda client: client.terminal({"type": "input", "data": "x" * 900_000}),
    }
    once = {
        "search in the log": both(
            'query ($id: ID!) { searchTerminal(sessionId: "{bot}_main", text: "x") { next } }'
        ),
        "config as JSON and text": both(CONFIG % ('"bot"', "text config")),
        "revisions with diffs": both(CONFIG % ('"bot"', "revisions(first: 20) { diff text }")),
        "introspection 200 times": both("{" + "__schema{types{name fields{name}}}" * 200 + "}"),
        "introspection in full": both(get_introspection_query()),
        "a field 1,900 times": both("{" + "systemHealth{status}" * 900 + "}"),
        "300 fields with @include": both(
            "query ($a: Boolean! = true) {"
            + "".join("instances{name @include(if:$a) status @include(if:$a)}" for _ in range(150))
            + "}"
        ),
        "90,000 characters of comment": both("{ systemHealth { status } }" + "#" * 90_000),
        "4,000 tokens that conflict": both(
            "{" + "systemHealth{" + " ".join("x:status y:uptime" for _ in range(29)) + "}" * 2
        ),
        "3,900 tokens of unknown fields": both("{" + " ".join(f"field{n}" for n in range(3_900)) + "}"),
        "1,900 variables": both(
            "query (" + " ".join(f"$v{n}:Int" for n in range(900)) + ") { systemHealth { status } }"
        ),
        "events, 200 with all fields": both(
            "{ events(first: 200) { edges { cursor node { id at kind message { zh en } } } } }"
        ),
        "1,000 persons": both(
            "query ($id: ID!) { instance(id: $id) { persons(first: 100) { edges { cursor node { id userId username nickname avatarUrl profile createdAt updatedAt } } } } }"
        ),
    }
    for title, doors in once.items():
        for door, send in doors.items():
            found[f"{door}: {title}"] = send
    bulk = "mutation ($input: CreatePersonsInput!) { createPersons(input: $input) { message } }"
    for door, count in (("POST", 500_000), ("ws", 100_000)):
        for title, item in (("numbers", 7), ("objects of unknown fields", {"x": 1}), ("nulls", None)):
            found[f"{door}: {count} {title} in a list of persons"] = _bulk(
                door, bulk, [item] * (count // (2 if item else 1))
            )
        found[f"{door}: {count} ids"] = _bulk(
            door,
            "mutation ($input: DeletePersonsInput!) { deletePersons(input: $input) { message } }",
            ["x"] * count,
            "ids",
        )
    found["POST: literal list of 1,900 ids"] = lambda client: client.graphql(
        'mutation { deletePersons(input: {instanceId: "x", ids: [' + "1 " * 3_900 + "]}) { message } }"
    )
    found["POST: JSON scalar of 1,000,000 items"] = lambda client: client.graphql(
        'mutation ($p: JSON!) { createPerson(input: {instanceId: "x", userId: "x", profile: $p}) { message } }',
        p={"x": [*range(1_000_000)]},
    )
    found["POST: check of 1 MB of TOML"] = lambda client: client.graphql(
        'query ($id: ID!, $t: String!) { checkConfigText(instanceId: $id, name: "bot", text: $t) { message } }',
        t=toml,
    )
    found["POST: import of 1,000 lines"] = lambda client: client.graphql(
        "mutation ($i: ImportPersonsInput!) { importPersons(input: $i) { message lines { number status personId code field message } } }",
        i={
            "instanceId": client.bot,
            "text": "\n".join(person(n) for n in range(999)),
            "format": "JSONL",
            "existing": "SKIP",
        },
    )
    found["POST: export of 1,000"] = lambda client: client.graphql(
        "query ($id: ID!) { exportPersons(instanceId: $id, format: CSV) { text } }"
    )
    found["POST: batch of documents"] = lambda client: client.http.post(
        "/graphql", json=[{"query": "{ systemHealth { status } }"}] * 1000
    )
    return found


def _with(prepare: Callable[[Client], object], send: Input) -> Input:
    async def prepared(client: Client) -> None:
        prepare(client)
        await send(client)

    return prepared


def _bulk(door: str, document: str, items: list[object], name: str = "persons") -> Input:
    async def send(client: Client) -> None:
        given = {"instanceId": client.bot, name: items}
        await (client.graphql if door == "POST" else client.socket)(document, input=given)

    return send


async def measure(
    client: Client, report: Path, rounds: int, only: str
) -> list[tuple[float, dict[str, Any], str]]:
    """(CPU in ms, piece, input): of each input the worst piece, in the round in which that was least."""
    found = []
    for title, send in inputs().items():
        if only not in title:
            continue
        worst: list[dict[str, Any]] = []
        for _ in range(rounds):
            begin = report.stat().st_size
            try:
                await send(client)
            except (httpx.HTTPError, ConnectionClosed, OSError) as error:
                print(f"{title}: {error!r}", file=sys.stderr)
            await client.http.get("/api/v1/system/health")
            with report.open() as opened:
                opened.seek(begin)
                pieces = [json.loads(line) for line in opened]
            worst.append(
                max(
                    pieces,
                    key=lambda piece: piece["cpu_ms"],
                    default={"cpu_ms": 0.0, "ms": 0.0, "name": "", "where": []},
                )
            )
        least = min(worst, key=lambda piece: piece["cpu_ms"])
        print(f"{least['cpu_ms']:8.1f} ms CPU {least['ms']:8.1f} ms  {title}", flush=True)
        found.append((least["cpu_ms"], least, title))
    return found


async def prepared(client: Client) -> None:
    folder = client.folder
    folder.mkdir()
    (folder / "bot.py").write_text(BOT)
    new = {"name": "bot", "path": str(folder), "port": 39_999, "run_command": f"{sys.executable} bot.py"}
    await client.rest("POST", "/instances/add", new)
    listed = json.loads(await client.rest("GET", "/instances"))
    client.bot = listed["instances"][0]["id"]
    await client.rest("GET", "/instance/{bot}/start")
    some = "\n".join(person(number) for number in range(PERSONS))
    await client.rest("POST", "/resource/{bot}/persons/import", some.encode())


async def run(server: Served, folder: DataFolder, report: Path, options: argparse.Namespace) -> None:
    address = f"127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=TIMEOUT_S, trust_env=False) as http:
        client = Client(http, address, folder.path / "bot")
        await prepared(client)
        found = await measure(client, report, options.rounds, options.only)
    print(f"\nThe worst {options.worst}:")
    for cpu_ms, piece, title in sorted(found, key=lambda row: -row[0])[: options.worst]:
        print(f"{cpu_ms:8.1f} ms CPU {piece['ms']:8.1f} ms  {title}")
        print(f"{'':12}{piece['name']}")
        for entry in piece["where"]:
            print(f"{'':16}{entry}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--worst", type=int, default=10)
    options = parser.parse_args()
    with DataFolder() as folder:
        report = folder.path / "report"
        script = str(Path(__file__).with_name("probed.py"))
        environment = folder.environment | {"MAILAUNCHER_STOP_BOTS_AT_EXIT": "true"}
        with Served("mailauncher", script, str(report), environment=environment) as server:
            asyncio.run(run(server, folder, report, options))


if __name__ == "__main__":
    main()
