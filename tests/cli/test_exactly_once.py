"""What `attach` does with input: each is typed once and in order, whatever is lost."""

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection

from cli.exactly_once import AHEAD_CHARACTERS, ExactlyOnceInput


class Terminal:
    """Types what is sent as a keeper does, and answers when it is told to."""

    def __init__(self) -> None:
        self.typed: list[str] = []
        self.held = 0
        self.reached = True
        self.answers: list[dict[str, Any]] = []

    def take(self, message: dict[str, Any]) -> None:
        seq = message["seq"]
        if not self.reached:
            self.answers.append({"type": "error", "code": "CONNECTION_FAILED", "seq": seq})
            return
        if seq == self.held + 1:
            self.typed.append(message["data"])
            self.held = seq
        if seq > self.held:
            self.answers.append({"type": "error", "code": "CONFLICT", "seq": seq})
        else:
            self.answers.append({"type": "input_ack", "seq": seq, "held": self.held})


class Connection:
    """Takes what is sent to the terminal when it is told to; what it has not delivered when it is lost is lost."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.sent: list[dict[str, Any]] = []

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def deliver(self, count: int) -> None:
        for message in self.sent[:count]:
            self.terminal.take(message)
        del self.sent[:count]


class Typing:
    """A typist and a terminal, with a connection that is lost whenever the test wants."""

    def __init__(self) -> None:
        self.terminal = Terminal()
        self.typist = ExactlyOnceInput()
        self.news: list[str] = []
        self.connect()

    def connect(self) -> None:
        self.connection = Connection(self.terminal)
        self.typist.connected(cast(ClientConnection, self.connection))

    def stalled(self) -> bool:
        return self.typist.stalled

    def lose(self) -> None:
        self.typist.lost()
        self.terminal.answers.clear()
        self.connect()

    def answer(self, count: int) -> None:
        for message in self.terminal.answers[:count]:
            if message["type"] == "input_ack":
                if news := self.typist.acknowledged(message):
                    self.news.append(news.en)
            elif self.typist.refused(message):
                self.news.append(message["code"])
        del self.terminal.answers[:count]

    def settle(self) -> None:
        while self.connection.sent or self.terminal.answers:
            self.connection.deliver(1000)
            self.answer(1000)


STEPS = st.lists(st.tuples(st.sampled_from(["type", "deliver", "answer", "lose"]), st.integers(1, 4)))


@given(STEPS)
def test_whatever_is_lost_each_input_is_typed_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    case = Typing()
    wanted: list[str] = []
    for step, count in steps:
        if step == "type":
            wanted.append(str(len(wanted)))
            assert case.typist.type(wanted[-1])
        elif step == "deliver":
            case.connection.deliver(count)
        elif step == "answer":
            case.answer(count)
        elif step == "lose":
            case.lose()
    case.settle()
    assert case.terminal.typed == wanted
    assert case.news == []
    assert case.typist.wait(0)


def test_a_terminal_that_counts_anew_gets_what_is_typed_afterwards() -> None:
    case = Typing()
    case.typist.type("a")
    case.settle()
    case.terminal.held = 0  # it has forgotten its viewers
    case.typist.type("b")
    case.settle()
    assert case.terminal.typed == ["a", "b"]
    assert case.news == []


def test_what_may_or_may_not_have_been_typed_into_a_terminal_that_is_gone_is_said_and_not_typed() -> None:
    case = Typing()
    case.typist.type("a")
    case.settle()
    case.typist.type("b")  # on its way when server and terminal die
    case.terminal.held = 0
    case.lose()
    case.typist.type("c")
    case.settle()
    assert case.terminal.typed == ["a", "c"]
    assert case.news == ["The terminal is a new one: what was typed last may not have arrived"]


def test_a_terminal_that_is_not_reached_is_asked_again_and_said_to_be_so_once() -> None:
    case = Typing()
    case.settle()
    case.terminal.reached = False
    case.typist.type("a")
    case.settle()
    assert case.stalled()
    case.typist.ask_for_last_number()
    case.settle()
    assert case.news == ["CONNECTION_FAILED"]
    case.terminal.reached = True
    case.typist.ask_for_last_number()
    case.settle()
    assert not case.stalled()
    assert case.terminal.typed == ["a"]


def test_what_waits_is_bounded() -> None:
    case = Typing()
    case.typist.lost()
    assert case.typist.type("a" * AHEAD_CHARACTERS)
    assert not case.typist.type("b")
    assert not case.typist.wait(0)
    case.connect()
    case.settle()
    assert case.typist.type("b")
