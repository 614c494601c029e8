"""Health and metrics in the format of that client."""

from typing import Annotated

import msgspec

from resolvers.views import Machine, Metrics
from rest.field_docs import about
from rest.operation import HEADERS, Call

CLIENT_NAME = b"x-client-name"
MIB, GIB = 1 << 20, 1 << 30


def health_status(status: str, call: Call) -> str:
    """That client tests `status == "success"`, and only its own check has this header."""
    return "success" if CLIENT_NAME in call.scope[HEADERS] else status


class MemoryUsage(msgspec.Struct):
    """Memory in MiB."""

    total_mb: Annotated[float, about("总量，MiB。", "Total, MiB.")]
    used_mb: Annotated[float, about("已用，MiB。", "Used, MiB.")]
    available_mb: Annotated[float, about("可用，MiB。", "Available, MiB.")]
    percent: Annotated[float, about("使用率，0-100。", "Used share in percent, 0-100.")]


class DiskUsage(msgspec.Struct):
    """The disk of the data folder, in GiB."""

    total_gb: Annotated[float, about("总量，GiB。", "Total, GiB.")]
    used_gb: Annotated[float, about("已用，GiB。", "Used, GiB.")]
    free_gb: Annotated[float, about("可用，GiB。", "Available, GiB.")]
    percent: Annotated[float, about("使用率，0-100。", "Used share in percent, 0-100.")]


class SystemInfo(msgspec.Struct):
    """The host system."""

    system: Annotated[str, about("操作系统。", "Operating system.")]
    release: Annotated[str, about("操作系统的版本。", "Release of the operating system.")]
    machine: Annotated[str, about("机器类型。", "Hardware architecture.")]
    processor: Annotated[str, about("处理器。", "Processor.")]


class ClientMetrics(msgspec.Struct):
    """System metrics in the format of the existing web client."""

    cpu_usage_percent: Annotated[
        float, about("处理器使用率，0-100。", "Processor utilization in percent, 0-100.")
    ]
    memory_usage: Annotated[MemoryUsage, about("内存。", "Memory.")]
    disk_usage_root: Annotated[DiskUsage, about("数据所在的磁盘。", "The disk of the data folder.")]
    system_info: Annotated[SystemInfo, about("机器。", "The host system.")]
    network_up: Annotated[float, about("上行，字节每秒。", "Bytes sent per second.")]
    network_down: Annotated[float, about("下行，字节每秒。", "Bytes received per second.")]


def metrics(sample: Metrics, machine: Machine) -> ClientMetrics:
    return ClientMetrics(
        cpu_usage_percent=sample.cpu_usage,
        memory_usage=MemoryUsage(
            round(sample.memory_total / MIB, 2),
            round(sample.memory_used / MIB, 2),
            round(sample.memory_free / MIB, 2),
            sample.memory_usage_percent,
        ),
        disk_usage_root=DiskUsage(
            round(sample.disk_total / GIB, 2),
            round(sample.disk_used / GIB, 2),
            round(sample.disk_free / GIB, 2),
            sample.disk_usage_percent,
        ),
        system_info=SystemInfo(machine.system, machine.release, machine.machine, machine.processor),
        network_up=round(sample.network_up, 1),
        network_down=round(sample.network_down, 1),
    )
