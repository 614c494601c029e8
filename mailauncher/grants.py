"""What a caller may do: a scope, and perhaps only for some instances."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """How much is allowed. Each scope includes those before it."""

    READ = "read"
    """Looks only."""
    OPERATE = "operate"
    """Also types into terminals, starts and stops."""
    ADMIN = "admin"
    """Everything."""

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Grant:
    """`instances` are the ids of those that it is limited to; None: it is not limited."""

    scope: Scope
    instances: frozenset[str] | None = None

    def covers(self, instance_id: str) -> bool:
        return self.instances is None or instance_id in self.instances

    def includes(self, other: "Grant") -> bool:
        """Whether all that the other allows is allowed by this one too."""
        within = self.instances is None or (other.instances is not None and other.instances <= self.instances)
        return within and self.scope.includes(other.scope)


EVERYTHING = Grant(Scope.ADMIN)
NOTHING = Grant(Scope.READ, frozenset())
