"""Instances and services as they stand in memory: plain values, replaced whole when they change."""

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
