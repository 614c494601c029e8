"""Instances and services as they stand in memory: plain values, replaced whole when they change."""

from enum import StrEnum
from typing import Any

import msgspec


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    path: str
    port: int
    run_command: str | None = None
    wanted: bool = False


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
    """The instance's own wishes on how its programs are looked after, where it has any."""
    services: tuple[ServiceRecord, ...] = ()

    def service(self, name: str) -> ServiceRecord | None:
        return next((service for service in self.services if service.name == name), None)


class DeploymentKind(StrEnum):
    """What a deployment makes: a new instance, a copy of one, or another version of one."""

    DEPLOY = "deploy"
    CLONE = "clone"
    UPGRADE = "upgrade"


class DeploymentStatus(StrEnum):
    """The API's words. What waits for others is `PENDING`; what `FAILED` can be tried again; what was `CANCELLED` is gone."""

    PENDING = "pending"
    INSTALLING = "installing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeploymentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `models.Deployment`. `seconds` is how long each step took."""

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
