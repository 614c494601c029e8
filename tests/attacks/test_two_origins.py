"""Of two `Origin` headers the last was believed."""

import asyncio

from tests.support.server import Launcher


async def test_a_request_with_two_origins_is_refused(launcher: Launcher) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", launcher.port)
    writer.write(
        b"GET /api/v1/instance/none/start HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Origin: http://example.org\r\nOrigin: http://localhost\r\n\r\n"
    )
    assert (await reader.read()).startswith(b"HTTP/1.1 403")
    writer.close()
