"""The server process: ASGI application, sockets, running in the foreground, demonstration."""
