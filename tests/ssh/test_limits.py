"""How many connections an address gets, and how long it waits after wrong keys."""

from ssh import limits
from ssh.limits import Limits


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def entered(found: Limits, address: str, times: int) -> list[bool]:
    return [found.enter(address) for _ in range(times)]


def test_ten_handshakes_a_minute_may_fail_and_a_login_does_not_count() -> None:
    clock = Clock()
    found = Limits(10, clock)
    for _ in range(30):
        assert found.enter("192.0.2.1")
        found.logged_in("192.0.2.1")
        found.leave("192.0.2.1")
    assert entered(found, "192.0.2.1", 11) == [True] * 10 + [False]
    assert found.enter("192.0.2.2")
    clock.now = 59
    assert not found.enter("192.0.2.1")
    clock.now = 60
    assert found.enter("192.0.2.1")


def test_an_address_has_twenty_connections_and_all_have_sixty_four() -> None:
    found = Limits(1000)
    assert entered(found, "192.0.2.1", 21) == [True] * 20 + [False]
    found.leave("192.0.2.1")
    assert found.enter("192.0.2.1")
    for last in (2, 3):
        assert all(entered(found, f"192.0.2.{last}", 20))
    assert entered(found, "192.0.2.4", 5) == [True] * 4 + [False]
    assert found.connections == limits.CONNECTIONS


def test_after_three_wrong_keys_each_answer_takes_longer_until_a_login_or_a_while_without_any() -> None:
    clock = Clock()
    found = Limits(10, clock)
    delays = []
    for _ in range(10):
        delays.append(found.delay_s("192.0.2.1"))
        found.failed("192.0.2.1")
    assert delays == [0, 0, 0, 0.25, 0.5, 1, 2, 2, 2, 2]
    assert found.delay_s("192.0.2.2") == 0
    found.logged_in("192.0.2.1")
    assert found.delay_s("192.0.2.1") == 0
    for _ in range(5):
        found.failed("192.0.2.1")
    clock.now += limits.FORGOTTEN_S
    assert found.delay_s("192.0.2.1") == 0


def test_addresses_of_one_machine_count_together() -> None:
    found = Limits(2)
    assert [found.enter(f"2001:db8::{number:x}") for number in range(3)] == [True, True, False]
    assert found.enter("2001:db8:0:1::1")
    assert [found.enter(address) for address in ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1")] == [
        True,
        True,
        False,
    ]
    assert found.enter("fe80::1%eth0")


def test_what_is_remembered_is_bounded_and_no_open_connection_is_forgotten() -> None:
    found = Limits(1)
    assert found.enter("192.0.2.1")
    for number in range(limits.ADDRESSES + 100):
        found.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(found._addresses) <= limits.ADDRESSES
    assert not found.enter("192.0.2.1")
