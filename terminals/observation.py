"""What looking at a running program has shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """`question`: the line with which it asks, and waits for the answer in its terminal; None if it does not. `about_terms`: its
    terms are not accepted, so that is what it asks for. `login`: it waits for a person to log it in. `ports`: those on which it listens, looked up while the one that makes it
    ready is missing."""

    question: str | None = None
    about_terms: bool = False
    login: bool = False
    ports: tuple[int, ...] = ()


NOTHING = Observation()
