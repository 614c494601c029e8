"""Tells systemd that the server is ready, as a unit of the type `notify` has to."""

import contextlib
import os
import socket

_VARIABLE = "NOTIFY_SOCKET"


def take_address() -> str:
    """Where systemd waits for that; empty if nobody does. The variable is removed, so that no bot speaks for the server."""
    return os.environ.pop(_VARIABLE, "")


def tell_ready(address: str) -> None:
    """Sends nothing if nobody waits. A systemd that does not listen any more is no reason to end."""
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            # "@" stands for the byte with which names begin that are not in the file system.
            sender.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
