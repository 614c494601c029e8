"""The launcher and its host: health and metrics."""

from typing import Annotated

import msgspec

from mailauncher.errors import Text
from resolvers import system
from resolvers.context import Context
from rest.existing_client import system as client_system
from rest.field_docs import about
from rest.operation import Call, Operation
from rest.values import StatusSuccess, timestamp
from store.database_status import ANSWER_S

GROUP = "system"


class Health(msgspec.Struct):
    """Health of the launcher."""

    status: Annotated[
        str,
        about(
            "healthy；请求带 X-Client-Name 头（现有网页客户端的检查）时为 success。",
            "`healthy`; `success` for a request with the header `X-Client-Name`, as in the existing web client's check.",
        ),
    ]
    uptime: Annotated[int, about("启动以来的秒数。", "Uptime of the server in whole seconds.")]
    version: Annotated[str, about("启动器的版本。", "Version of the launcher.")]
    timestamp: Annotated[str, about("现在的 UTC 时间，ISO 8601。", "Current time, ISO 8601 in UTC.")]


class Cpu(msgspec.Struct):
    """The processors."""

    usage: Annotated[float, about("使用率，0-100。", "Utilization in percent, 0-100.")]
    cores: Annotated[int, about("逻辑核心数。", "Number of logical cores.")]


class Space(msgspec.Struct):
    """Memory, or the disk of the data folder, in bytes."""

    total: Annotated[int, about("总字节数。", "Total bytes.")]
    used: Annotated[int, about("已用字节数。", "Used bytes.")]
    free: Annotated[int, about("可用字节数。", "Available bytes.")]
    usage_percent: Annotated[float, about("使用率，0-100。", "Used share in percent, 0-100.")]


class Network(msgspec.Struct):
    """All network interfaces together, since boot."""

    bytes_sent: Annotated[int, about("发送的字节数。", "Bytes sent.")]
    bytes_recv: Annotated[int, about("接收的字节数。", "Bytes received.")]


class Metrics(msgspec.Struct):
    """System metrics, sampled in the background. `status` and `data` repeat them for the existing web client."""

    cpu: Annotated[Cpu, about("处理器。", "The processors.")]
    memory: Annotated[Space, about("内存。", "Memory.")]
    disk: Annotated[Space, about("数据所在的磁盘。", "The disk of the data folder.")]
    network: Annotated[Network, about("开机以来的网络流量。", "Network traffic since boot.")]
    status: StatusSuccess
    data: Annotated[
        client_system.ClientMetrics,
        about("同样的数据，单位为 MiB、GiB、字节每秒。", "The same values in MiB, GiB and bytes per second."),
    ]


class Database(msgspec.Struct):
    """The database that holds what the launcher keeps."""

    system: Annotated[str, about("SQLite 或 PostgreSQL。", "`SQLite` or `PostgreSQL`.")]
    place: Annotated[str, about("文件，或不含密码的地址。", "A file, or a URL without its password.")]
    answers: Annotated[bool, about("现在是否有应答。", "Whether it answers now.")]
    version: Annotated[
        str | None,
        about(
            "SQLite 或数据库服务器的版本；没有应答时为 null。",
            "Version of SQLite or of the server of the database; null if it does not answer.",
        ),
    ]
    answer_ms: Annotated[
        float | None,
        about(
            f"应答所用的毫秒数；{ANSWER_S:g} 秒内没有应答时为 null。",
            f"Time that it took to answer, in milliseconds; null if it does not answer within {ANSWER_S:g} seconds.",
        ),
    ]


async def _health(ctx: Context, call: Call) -> Health:
    found = system.health(ctx)
    status = client_system.health_status(found.status, call)
    return Health(status, found.uptime, found.version, timestamp(found.at))


def _health_key(ctx: Context, call: Call) -> tuple[int, int, str]:
    found = system.health(ctx)
    return found.uptime, found.at // 1000, client_system.health_status(found.status, call)


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
        data=client_system.metrics(sample, system.machine(ctx)),
    )


async def _database(ctx: Context, _call: Call) -> Database:
    found = await system.database(ctx)
    return Database(found.system, found.place, found.answers, found.version, found.answer_ms)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/system/health",
        group=GROUP,
        text=Text("系统健康检查", "Get the health of the server"),
        handler=_health,
        response=Health,
        public=True,
        cache_key=_health_key,
    ),
    Operation(
        method="GET",
        path="/api/v1/system/metrics",
        group=GROUP,
        text=Text("系统性能指标", "Get system metrics"),
        handler=_metrics,
        response=Metrics,
        cache_key=lambda ctx, _call: system.metrics(ctx).at,
    ),
    Operation(
        method="GET",
        path="/api/v1/system/database",
        group=GROUP,
        text=Text("所用的数据库", "Get the database in use"),
        handler=_database,
        response=Database,
    ),
)
