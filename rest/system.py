"""The launcher and its machine: health and metrics."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from mailauncher.errors import Text
from resolvers import system
from resolvers.context import Context
from rest import existing_client
from rest.operation import Call, Operation
from rest.wording import about

GROUP = "system"


class Health(msgspec.Struct):
    """The server answers."""

    status: Annotated[str, about("总是 healthy。", "Always `healthy`.", const="healthy")]
    uptime: Annotated[int, about("启动以来的秒数。", "Whole seconds since the server started.")]
    version: Annotated[str, about("启动器的版本。", "The launcher's version.")]
    timestamp: Annotated[str, about("现在的 UTC 时间，ISO 8601。", "Now, in UTC, ISO 8601.")]


class Cpu(msgspec.Struct):
    """Processors."""

    usage: Annotated[float, about("使用率，0-100。", "How busy they are, 0-100.")]
    cores: Annotated[int, about("逻辑核心数。", "How many logical ones there are.")]


class Space(msgspec.Struct):
    """Memory, or the disk that holds the data, in bytes."""

    total: Annotated[int, about("总字节数。", "Bytes in all.")]
    used: Annotated[int, about("已用字节数。", "Bytes in use.")]
    free: Annotated[int, about("可用字节数。", "Bytes that can be had.")]
    usage_percent: Annotated[float, about("使用率，0-100。", "How full it is, 0-100.")]


class Network(msgspec.Struct):
    """All network interfaces together, since boot."""

    bytes_sent: Annotated[int, about("发送的字节数。", "Bytes sent.")]
    bytes_recv: Annotated[int, about("接收的字节数。", "Bytes received.")]


class Metrics(msgspec.Struct):
    """The machine's figures, sampled in the background. `status` and `data` say the same to the existing web client."""

    cpu: Annotated[Cpu, about("处理器。", "The processors.")]
    memory: Annotated[Space, about("内存。", "Memory.")]
    disk: Annotated[Space, about("数据所在的磁盘。", "The disk that holds the data.")]
    network: Annotated[Network, about("开机以来的网络流量。", "The network since boot.")]
    status: Annotated[str, about("总是 success。", "Always `success`.", const="success")]
    data: Annotated[
        existing_client.ClientMetrics,
        about("同样的数据，单位为 MiB、GiB、字节每秒。", "The same in MiB, GiB and bytes per second."),
    ]


async def _health(ctx: Context, _call: Call) -> Health:
    found = system.health(ctx)
    at = datetime.fromtimestamp(found.at // 1000, UTC)
    return Health(found.status, found.uptime, found.version, at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _health_key(ctx: Context) -> tuple[int, int]:
    found = system.health(ctx)
    return found.uptime, found.at // 1000


async def _metrics(ctx: Context, _call: Call) -> Metrics:
    sample = system.metrics(ctx)
    return Metrics(
        cpu=Cpu(sample.cpu_usage, sample.cpu_cores),
        memory=Space(
            sample.memory_total, sample.memory_used, sample.memory_free, sample.memory_usage_percent
        ),
        disk=Space(sample.disk_total, sample.disk_used, sample.disk_free, sample.disk_usage_percent),
        network=Network(sample.network_bytes_sent, sample.network_bytes_recv),
        status="success",
        data=existing_client.metrics(sample, system.machine(ctx)),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/system/health",
        group=GROUP,
        text=Text("系统健康检查", "Ask whether the server is there"),
        handler=_health,
        response=Health,
        public=True,
        kept=_health_key,
    ),
    Operation(
        method="GET",
        path="/api/v1/system/metrics",
        group=GROUP,
        text=Text("系统性能指标", "Ask for the machine's figures"),
        handler=_metrics,
        response=Metrics,
        kept=lambda ctx: system.metrics(ctx).at,
    ),
)
