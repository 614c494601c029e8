"""`/metrics`: the same figures as the API's, for Prometheus."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from mailauncher import __version__
from mailauncher.errors import Text
from resolvers import instances, system
from resolvers.context import Context
from rest.answers import NO_STORE, Answer
from rest.envelope import COUNTS
from rest.operation import Call, Operation
from terminals.states import State

MEDIA = "text/plain"


class Figures(Collector):
    """What one server has to say at the moment of being asked. Nothing is measured for it."""

    def __init__(self, ctx: Context, counts: Mapping[tuple[str, int], int]) -> None:
        self._ctx = ctx
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("mailauncher", "The launcher.", {"version": __version__})
        uptime = time.monotonic() - self._ctx.started_at
        yield GaugeMetricFamily("mailauncher_uptime_seconds", "Since the server started.", uptime)
        yield from self._fleet()
        yield self._answers()
        yield from self._machine()

    def _fleet(self) -> Iterator[Metric]:
        views = instances.list_all(self._ctx)
        yield _by_status(
            "mailauncher_instances", "Instances by status.", Counter(view.status for view in views)
        )
        services = Counter(service.status for view in views for service in view.services)
        yield _by_status("mailauncher_services", "Services by status.", services)

    def _answers(self) -> Metric:
        family = CounterMetricFamily(
            "mailauncher_http_answers",
            "Answers by part of the product and status (101: WebSockets, once closed; 0: the client went away first).",
            labels=["group", "status"],
        )
        for (group, status), count in self._counts.items():
            family.add_metric([group, str(status)], count)
        return family

    def _machine(self) -> Iterator[Metric]:
        sample = system.metrics(self._ctx)
        yield _gauge("cpu_usage_percent", "How busy the processors are, 0-100.", sample.cpu_usage)
        yield _gauge("cpu_cores", "Logical processors.", sample.cpu_cores)
        yield _gauge("memory_total_bytes", "Memory.", sample.memory_total)
        yield _gauge("memory_used_bytes", "Memory in use.", sample.memory_used)
        yield _gauge("disk_total_bytes", "The disk that holds the data.", sample.disk_total)
        yield _gauge("disk_used_bytes", "What of it is in use.", sample.disk_used)
        for name, text, value in (
            ("sent", "Bytes sent since boot.", sample.network_bytes_sent),
            ("received", "Bytes received since boot.", sample.network_bytes_recv),
        ):
            yield CounterMetricFamily(f"mailauncher_machine_network_{name}_bytes", text, value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mailauncher_machine_{name}", text, value)


def _by_status(name: str, text: str, counts: Mapping[State, int]) -> Metric:
    """One sample for each status, also for those that nothing has now."""
    family = GaugeMetricFamily(name, text, labels=["status"])
    for state in State:
        family.add_metric([state], counts.get(state, 0))
    return family


async def _figures(ctx: Context, call: Call) -> Answer:
    registry = CollectorRegistry()
    registry.register(Figures(ctx, call.scope[COUNTS]))
    text = generate_latest(registry)
    return Answer(text, ((b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode()), NO_STORE))


OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        group="system",
        text=Text("Prometheus 指标", "Figures for Prometheus"),
        handler=_figures,
        media=MEDIA,
    ),
)
