"""The launcher itself and its machine: health and figures."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast

import strawberry

from resolvers import system
from resolvers.metrics import Metrics
from schema.context import Info
from schema.scalars import Instant, Long


@strawberry.type(
    description="What kind of machine the launcher runs on. A text is empty when the system does not say."
)
class Machine:
    system: str = strawberry.field(description="The operating system, such as `Linux`.")
    release: str = strawberry.field(description="Its release.")
    machine: str = strawberry.field(description="The kind of hardware, such as `x86_64`.")
    processor: str = strawberry.field(description="The processor's name.")


def _machine(info: Info) -> Machine:
    return cast(Machine, system.machine(info.context.ctx))


@strawberry.type(description="How the launcher is.")
class SystemHealth:
    status: str = strawberry.field(description="`healthy` while it answers.")
    uptime: int = strawberry.field(description="Whole seconds since it was started.")
    version: str = strawberry.field(description="Its version.")
    at: Instant = strawberry.field(name="timestamp", description="The time on its clock.")
    machine: Machine = strawberry.field(resolver=_machine, description="The machine that it runs on.")


@strawberry.type(description="The processors, all of them together.")
class Cpu:
    cpu_usage: float = strawberry.field(
        name="usage", description="How busy they were since the sample before, 0-100 percent."
    )
    cpu_cores: int = strawberry.field(name="cores", description="How many there are, hyper-threads counted.")


@strawberry.type(description="The machine's memory.")
class Memory:
    memory_total: Long = strawberry.field(name="total", description="All of it, in bytes.")
    memory_used: Long = strawberry.field(name="used", description="In use, in bytes: `total` less `free`.")
    memory_free: Long = strawberry.field(
        name="free", description="What programs could get without swapping, in bytes."
    )
    memory_usage_percent: float = strawberry.field(
        name="usagePercent", description="How much is in use, 0-100 percent."
    )


@strawberry.type(description="The file system of the data folder.")
class Disk:
    disk_total: Long = strawberry.field(name="total", description="Its size, in bytes.")
    disk_used: Long = strawberry.field(name="used", description="In use, in bytes.")
    disk_free: Long = strawberry.field(
        name="free", description="What the launcher may still write, in bytes."
    )
    disk_usage_percent: float = strawberry.field(
        name="usagePercent", description="How much is in use, 0-100 percent."
    )


@strawberry.type(description="All network interfaces together.")
class Network:
    network_bytes_sent: Long = strawberry.field(name="bytesSent", description="Sent since boot, in bytes.")
    network_bytes_recv: Long = strawberry.field(
        name="bytesReceived", description="Received since boot, in bytes."
    )
    network_up: float = strawberry.field(
        name="sentPerSecond", description="Sent in bytes per second, since the sample before."
    )
    network_down: float = strawberry.field(
        name="receivedPerSecond", description="Received in bytes per second, since the sample before."
    )


def _part(metrics: strawberry.Parent[Metrics]) -> Any:
    """The sample stands for each of its parts: their fields read different attributes of it."""
    return metrics


@strawberry.type(
    description="One sample of the machine's figures, taken in the background about once a second."
)
class SystemMetrics:
    at: Instant = strawberry.field(description="When the sample was taken.")
    cpu: Cpu = strawberry.field(resolver=_part, description="The processors.")
    memory: Memory = strawberry.field(resolver=_part, description="The memory.")
    disk: Disk = strawberry.field(resolver=_part, description="The disk.")
    network: Network = strawberry.field(resolver=_part, description="The network.")


def _health(info: Info) -> SystemHealth:
    return cast(SystemHealth, system.health(info.context.ctx))


def _metrics(info: Info) -> SystemMetrics:
    return cast(SystemMetrics, system.metrics(info.context.ctx))


@strawberry.type
class SystemQuery:
    system_health: SystemHealth = strawberry.field(resolver=_health, description="How the launcher is.")
    system_metrics: SystemMetrics = strawberry.field(
        resolver=_metrics, description="The last sample of the machine's figures; never waits for one."
    )


def _stream(
    info: Info,
    interval_ms: Annotated[
        int, strawberry.argument(description="Milliseconds between two samples at least, 100-3,600,000.")
    ] = 1000,
) -> AsyncGenerator[SystemMetrics, None]:
    return cast(AsyncGenerator[SystemMetrics, None], system.metrics_stream(info.context.ctx, interval_ms))


@strawberry.type
class SystemSubscription:
    system_metrics: AsyncGenerator[SystemMetrics, None] = strawberry.subscription(
        resolver=_stream,
        description="The machine's figures: the last sample at once, then the newest one at the given interval. A slow "
        "subscriber skips samples.",
    )
