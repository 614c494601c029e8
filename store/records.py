"""Instances, services and deployments in memory: immutable values, replaced as a whole when they change."""

from enum import StrEnum
from typing import Any

import msgspec


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`alias`: what the existing web client calls it, where that is another name."""

    name: str
    path: str
    port: int
    run_command: str | None = None
    wanted: bool = False
    alias: str | None = None


class InstanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`installed_at` is in milliseconds since 1970; `path` is absolute with links resolved."""

    id: str
    name: str
    path: str
    port: int
    version: str
    installed_at: int
    recipe: str
    run_command: str | None = None
    wanted: bool = False
    supervision: dict[str, Any] | None = None
    """The instance's own supervision policy, where it differs from the default."""
    services: tuple[ServiceRecord, ...] = ()
    notes: str = ""
    """What its owners want to remember."""
    tags: tuple[str, ...] = ()
    """Words to group it by."""

    def service(self, name: str) -> ServiceRecord | None:
        return next((service for service in self.services if service.name == name), None)


class DeploymentKind(StrEnum):
    """What a deployment makes: a new instance, a copy of one, another version of one, or services of one that it lacks."""

    DEPLOY = "deploy"
    CLONE = "clone"
    UPGRADE = "upgrade"
    SERVICES = "services"


class DeploymentStatus(StrEnum):
    """The API's values. `PENDING`: waits for other deployments. `FAILED`: can be retried. `CANCELLED`: nothing of it is left."""

    PENDING = "pending"
    INSTALLING = "installing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeploymentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `models.Deployment`. `seconds` is the duration of each step."""

    id: int
    instance_id: str
    kind: DeploymentKind
    status: DeploymentStatus
    name: str
    version: str
    commit: str = ""
    start: bool = False
    created_at: int
    ended_at: int | None = None
    seconds: dict[str, float] | None = None

    @property
    def under_way(self) -> bool:
        return self.status in (DeploymentStatus.PENDING, DeploymentStatus.INSTALLING)
