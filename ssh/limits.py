"""How many connections are accepted, from one address and in all, and how long an answer to a wrong key takes."""

import ipaddress
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

CONNECTIONS = 64
CONNECTIONS_OF_ADDRESS = 20
WINDOW_S = 60.0
FREE_FAILURES = 3
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 2.0
"""So that a login with the right key, which takes two answers or more, fits into the time that it has."""
FORGOTTEN_S = 600.0
ADDRESSES = 4096
"""Of which something is remembered; the ones that were heard of longest ago give way."""
_NETWORK_BITS = 64
"""Of an IPv6 address: one machine usually has all addresses that begin with them."""


@dataclass(slots=True)
class _Address:
    open: int = 0
    handshakes: deque[float] = field(default_factory=deque)
    """When those began that have not ended with a login."""
    failures: int = 0
    heard_at: float = 0.0


class Limits:
    """Counts by address. `handshakes`: how many in a minute may not end with a login."""

    def __init__(self, handshakes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._handshakes = handshakes
        self._clock = clock
        self._addresses: dict[str, _Address] = {}
        self.connections = 0

    def enter(self, address: str) -> bool:
        """Whether a connection is accepted; then `leave` follows."""
        now = self._clock()
        known = self._known(address, now)
        while known.handshakes and known.handshakes[0] <= now - WINDOW_S:
            known.handshakes.popleft()
        if (
            self.connections >= CONNECTIONS
            or known.open >= CONNECTIONS_OF_ADDRESS
            or len(known.handshakes) >= self._handshakes
        ):
            return False
        self.connections += 1
        known.open += 1
        known.handshakes.append(now)
        return True

    def leave(self, address: str) -> None:
        self.connections -= 1
        self._known(address, self._clock()).open -= 1

    def logged_in(self, address: str) -> None:
        """The handshake of a connection has ended with a login."""
        known = self._known(address, self._clock())
        known.failures = 0
        if known.handshakes:
            known.handshakes.pop()

    def failed(self, address: str) -> None:
        """A key was refused."""
        self._known(address, self._clock()).failures += 1

    def delay_s(self, address: str) -> float:
        """How long to wait before the next key of that address is judged."""
        excess = self._known(address, self._clock()).failures - FREE_FAILURES
        return min(FIRST_DELAY_S * 2.0 ** min(excess, 16), LONGEST_DELAY_S) if excess >= 0 else 0.0

    def _known(self, address: str, now: float) -> _Address:
        name = _network(address)
        known = self._addresses.pop(name, None) or _Address()
        if known.failures and known.heard_at <= now - FORGOTTEN_S:
            known.failures = 0
        known.heard_at = now
        self._addresses[name] = known  # at the end: the order is that in which they were heard of
        if len(self._addresses) > ADDRESSES:
            idle = next(name for name, other in self._addresses.items() if not other.open)
            del self._addresses[idle]
        return known


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, _NETWORK_BITS), strict=False))
        return str(found.ipv4_mapped)
    return str(found)
