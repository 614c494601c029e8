"""The launcher and its host: health and metrics."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast

import strawberry

from resolvers import system
from resolvers.views import Metrics
from schema.context import Info
from schema.scalars import Instant, Long
from store.database_status import ANSWER_S


@strawberry.type(description="The host of the launcher. A field is empty if the system does not provide it.")
class Machine:
    system: str = strawberry.field(description="Operating system, such as `Linux`.")
    release: str = strawberry.field(description="Release of the operating system.")
    machine: str = strawberry.field(description="Hardware architecture, such as `x86_64`.")
    processor: str = strawberry.field(description="Name of the processor.")


def _machine(info: Info) -> Machine:
    return cast(Machine, system.machine(info.context.ctx))


@strawberry.type(description="Health of the launcher.")
class SystemHealth:
    status: str = strawberry.field(description="Always `healthy`.")
    uptime: int = strawberry.field(description="Uptime in whole seconds.")
    version: str = strawberry.field(description="Version of the launcher.")
    at: Instant = strawberry.field(name="timestamp", description="Current time of the server.")
    machine: Machine = strawberry.field(resolver=_machine, description="The host of the launcher.")


@strawberry.type(description="The database that holds what the launcher keeps.")
class SystemDatabase:
    system: str = strawberry.field(description="`SQLite` or `PostgreSQL`.")
    place: str = strawberry.field(description="A file, or a URL without its password.")
    answers: bool = strawberry.field(description="Whether it answers now.")
    version: str | None = strawberry.field(
        description="Version of SQLite or of the server of the database; null if it does not answer."
    )
    answer_ms: float | None = strawberry.field(
        description=f"Time that it took to answer, in milliseconds; null if it does not answer within {ANSWER_S:g} seconds."
    )


@strawberry.type(description="All processors together.")
class Cpu:
    cpu_usage: float = strawberry.field(
        name="usage", description="Utilization since the previous sample in percent, 0-100."
    )
    cpu_cores: int = strawberry.field(name="cores", description="Number of logical cores.")


@strawberry.type(description="Main memory.")
class Memory:
    memory_total: Long = strawberry.field(name="total", description="Total bytes.")
    memory_used: Long = strawberry.field(name="used", description="Used bytes: `total` minus `free`.")
    memory_free: Long = strawberry.field(
        name="free", description="Bytes available to programs without swapping."
    )
    memory_usage_percent: float = strawberry.field(
        name="usagePercent", description="Used share in percent, 0-100."
    )


@strawberry.type(description="File system of the data folder.")
class Disk:
    disk_total: Long = strawberry.field(name="total", description="Total bytes.")
    disk_used: Long = strawberry.field(name="used", description="Used bytes.")
    disk_free: Long = strawberry.field(name="free", description="Bytes available to the launcher.")
    disk_usage_percent: float = strawberry.field(
        name="usagePercent", description="Used share in percent, 0-100."
    )


@strawberry.type(description="All network interfaces together.")
class Network:
    network_bytes_sent: Long = strawberry.field(name="bytesSent", description="Bytes sent since boot.")
    network_bytes_recv: Long = strawberry.field(
        name="bytesReceived", description="Bytes received since boot."
    )
    network_up: float = strawberry.field(
        name="sentPerSecond", description="Bytes sent per second since the previous sample."
    )
    network_down: float = strawberry.field(
        name="receivedPerSecond", description="Bytes received per second since the previous sample."
    )


def _part(metrics: strawberry.Parent[Metrics]) -> Any:
    """The sample serves as each of its parts: their fields read different attributes of it."""
    return metrics


@strawberry.type(description="A sample of system metrics, taken in the background about once a second.")
class SystemMetrics:
    at: Instant = strawberry.field(description="Time of the sample.")
    cpu: Cpu = strawberry.field(resolver=_part, description="Processors.")
    memory: Memory = strawberry.field(resolver=_part, description="Memory.")
    disk: Disk = strawberry.field(resolver=_part, description="Disk.")
    network: Network = strawberry.field(resolver=_part, description="Network.")


def _health(info: Info) -> SystemHealth:
    return cast(SystemHealth, system.health(info.context.ctx))


def _metrics(info: Info) -> SystemMetrics:
    return cast(SystemMetrics, system.metrics(info.context.ctx))


async def _database(info: Info) -> SystemDatabase:
    return cast(SystemDatabase, await system.database(info.context.ctx))


@strawberry.type
class SystemQuery:
    system_health: SystemHealth = strawberry.field(resolver=_health, description="Health of the launcher.")
    system_database: SystemDatabase = strawberry.field(
        resolver=_database, description="The database in use. It is asked whether it answers."
    )
    system_metrics: SystemMetrics = strawberry.field(
        resolver=_metrics, description="The latest sample of system metrics; never waits for a new one."
    )


def _stream(
    info: Info,
    interval_ms: Annotated[
        int,
        strawberry.argument(
            description="Minimum milliseconds between two samples, "
            f"{system.INTERVAL_MIN_MS}-{system.INTERVAL_MAX_MS:,}."
        ),
    ] = 1000,
) -> AsyncGenerator[SystemMetrics, None]:
    return cast(AsyncGenerator[SystemMetrics, None], system.metrics_stream(info.context.ctx, interval_ms))


@strawberry.type
class SystemSubscription:
    system_metrics: AsyncGenerator[SystemMetrics, None] = strawberry.subscription(
        resolver=_stream,
        description="System metrics: the latest sample at once, then the newest one at each interval. A slow subscriber skips "
        "samples.",
    )
