"""Behind nginx and Caddy, set up with the very lines of the guide, with TLS, on another port than the usual one."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from mailauncher.errors import Code
from tests.support.context import add_bot, free_port, settings_for
from tests.support.http import API, failure
from tests.support.server import Launcher, running

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).resolve().parents[2] / "docs/guide.md"
HOST = "bots.example"
TOKEN = "correct-horse-battery"
BEARER = {"authorization": f"Bearer {TOKEN}"}
PLACES = "/usr/sbin:/usr/local/sbin"
NGINX = (shutil.which("nginx") or shutil.which("nginx", path=PLACES)) if shutil.which("openssl") else None
CADDY = shutil.which("caddy")
UNKNOWN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # for a certificate that nobody vouches for
UNKNOWN.check_hostname = False
UNKNOWN.verify_mode = ssl.CERT_NONE


def of_guide(pattern: str, launcher: Launcher) -> str:
    """What the guide says, with the server's port of this test."""
    found = re.search(pattern, GUIDE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1].replace("23456", str(launcher.port))


async def nginx(launcher: Launcher, folder: Path, port: int) -> list[str]:
    """The command that runs it with the guide's location."""
    name = ("-keyout", "key.pem", "-out", "certificate.pem", "-subj", f"/CN={HOST}")
    words = ("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *name)
    made = await asyncio.create_subprocess_exec(
        "openssl", *words, cwd=folder, stderr=asyncio.subprocess.DEVNULL
    )
    assert await made.wait() == 0
    temporary = "".join(
        f"{kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    connection = of_guide(r"comes from the usual `(map [^`]*)`", launcher)
    location = of_guide(r"```nginx\n(.*?)```", launcher)
    (folder / "nginx.conf").write_text(f"""
        daemon off;
        master_process off;
        pid {folder}/pid;
        error_log stderr;
        events {{}}
        http {{
            access_log off;
            {temporary}
            {connection}
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {folder}/certificate.pem;
                ssl_certificate_key {folder}/key.pem;
                {location}
            }}
        }}""")
    assert NGINX
    return [NGINX, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


async def caddy(launcher: Launcher, folder: Path, port: int) -> list[str]:
    """The command that runs it with the guide's two lines, and a certificate of its own."""
    lines = of_guide(rf"```\n({HOST}\n.*?)```", launcher).replace(HOST, f"https://{HOST}:{port}", 1)
    options = "admin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects"
    storage = f"storage file_system {folder}"
    (folder / "Caddyfile").write_text(f"{{\n{options}\n{storage}\n}}\n{lines}")
    assert CADDY
    return [CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@dataclass(frozen=True)
class Proxy:
    """What a browser sees of it."""

    port: int

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.port}"

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"host": f"{HOST}:{self.port}"},
            verify=UNKNOWN,
            trust_env=False,
            timeout=30,
        )

    async def get(self, http: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
        return await self.send(http, "GET", path, **headers)

    async def send(
        self, http: httpx.AsyncClient, method: str, path: str, body: object = None, **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = http.build_request(
            method, path, headers=named, json=body, extensions={"sni_hostname": HOST}
        )
        return await http.send(request)

    def socket(self, path: str, origin: str, **headers: str) -> connect:
        return connect(
            f"wss://{HOST}:{self.port}{path}",
            host="127.0.0.1",
            port=self.port,
            ssl=UNKNOWN,
            proxy=None,
            origin=Origin(origin),
            additional_headers=headers,
            subprotocols=[Subprotocol("graphql-transport-ws")] if path == "/graphql" else None,
        )


@asynccontextmanager
async def proxied(launcher: Launcher, folder: Path, name: str) -> AsyncIterator[Proxy]:
    """A proxy in the foreground, for the block."""
    folder.mkdir()
    found = Proxy(free_port())
    command = await {"nginx": nginx, "caddy": caddy}[name](launcher, folder, found.port)
    log = folder / "log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(*command, stdout=written, stderr=written, cwd=folder)
    try:
        async with found.client() as http, asyncio.timeout(60):
            while True:
                assert process.returncode is None, log.read_text()
                with contextlib.suppress(httpx.TransportError):
                    await found.get(http, f"{API}/system/health")
                    break
                await asyncio.sleep(0.05)
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def typed(socket: ClientConnection, kind: str) -> dict[str, object]:
    """The next message of a type."""
    async with asyncio.timeout(30):
        while True:
            message: dict[str, object] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("nginx", marks=pytest.mark.skipif(not NGINX, reason="nginx or openssl is missing")),
        pytest.param("caddy", marks=pytest.mark.skipif(not CADDY, reason="Caddy is missing")),
    ],
)
async def test_everything_works_behind_a_proxy_as_the_guide_sets_it_up(tmp_path: Path, name: str) -> None:
    """With nginx a page on another port than 443 was refused as foreign, and a picture of more than 1 MiB."""
    settings = settings_for(tmp_path, host="localhost", token=TOKEN, allowed_hosts=[HOST])
    async with running(settings) as launcher:
        bot = await add_bot(launcher.ctx, tmp_path / "bot")
        async with proxied(launcher, tmp_path / "proxy", name) as proxy, proxy.client() as http:
            own, foreign = proxy.origin, "https://evil.example"

            # The pages, then the token, in a header and for a cookie.
            assert (await proxy.get(http, "/graphql", accept="text/html")).status_code == 200
            failure(await proxy.get(http, f"{API}/instances"), Code.PERMISSION_DENIED)
            assert (await proxy.get(http, f"{API}/instances", **BEARER)).status_code == 200
            answer = await proxy.send(http, "POST", "/session", origin=own, **BEARER)
            assert answer.status_code == 204
            cookie = answer.headers["set-cookie"]
            assert "Secure" in cookie.split("; ")
            assert cookie.startswith(f"mailauncher_session_{proxy.port}=")
            signed_in = {"cookie": cookie.partition(";")[0]}
            picture = {"sec_fetch_site": "same-origin", **signed_in}
            assert (await proxy.get(http, f"{API}/instances", **picture)).status_code == 200
            failure(await proxy.get(http, f"{API}/instances", **signed_in), Code.PERMISSION_DENIED)

            # GraphQL, from the proxy's page and from another.
            query = {"query": "{ instances { id } }"}
            answer = await proxy.send(http, "POST", "/graphql", query, origin=own, **signed_in)
            assert answer.json()["data"]["instances"] == [{"id": bot.id}]
            answer = await proxy.send(http, "POST", "/graphql", query, origin=foreign, **signed_in)
            failure(answer, Code.PERMISSION_DENIED)
            filler = base64.b64encode(bytes(8 << 20)).decode()
            answer = await proxy.send(
                http, "POST", f"{API}/resource/{bot.id}/emoji", {"image_data": filler, "name": "x"}, **BEARER
            )
            assert answer.json()["error"]["code"] in (Code.INVALID_IMAGE_FORMAT, Code.INVALID_PARAMETER), (
                answer.text
            )

            # Server-sent events come at once, not when a buffer is full.
            events = {"query": "subscription { instanceChanged { id } }"}
            request = http.build_request(
                "POST",
                "/graphql",
                json=events,
                headers={"accept": "text/event-stream", **BEARER},
                extensions={"sni_hostname": HOST},
            )
            async with asyncio.timeout(30):
                answer = await http.send(request, stream=True)
                started = asyncio.create_task(launcher.ctx.live.supervisor(bot.id).start().wait(8))
                async for line in answer.aiter_lines():
                    if bot.id in line:
                        break
                await answer.aclose()
                await started

            # Sockets of GraphQL and of a terminal.
            async with proxy.socket("/graphql", own, **signed_in) as socket:
                await socket.send(json.dumps({"type": "connection_init"}))
                assert (await typed(socket, "connection_ack"))["type"] == "connection_ack"
            async with proxy.socket(f"/ws/{bot.id}_main", own, **signed_in) as socket:
                await socket.send(json.dumps({"type": "ping"}))
                await typed(socket, "pong")
            for path in ("/graphql", f"/ws/{bot.id}_main"):
                with pytest.raises(InvalidStatus):
                    async with proxy.socket(path, foreign, **signed_in):
                        pass
