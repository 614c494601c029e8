"""`/metrics`: the API's metrics in Prometheus format."""

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
from rest.operation import Call, Operation
from rest.outer_middleware import RESPONSE_COUNTS
from rest.responses import NO_STORE, Response
from store.database_status import DatabaseStatus
from terminals.states import State

MEDIA = "text/plain"


class MetricsCollector(Collector):
    """Collects the current values of one server. It measures nothing itself. `database`: None, the caller may not know it."""

    def __init__(
        self, ctx: Context, counts: Mapping[tuple[str, int], int], database: DatabaseStatus | None
    ) -> None:
        self._ctx = ctx
        self._counts = counts
        self._database = database

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("mailauncher", "The launcher.", {"version": __version__})
        uptime = time.monotonic() - self._ctx.started_at
        yield GaugeMetricFamily("mailauncher_uptime_seconds", "Uptime of the server.", uptime)
        yield from self._live()
        if self._database is not None:
            yield from _of_database(self._database)
        yield self._responses()
        yield self._fallbacks()
        yield from self._machine()

    def _live(self) -> Iterator[Metric]:
        views = instances.list_all(self._ctx)
        yield _by_status(
            "mailauncher_instances", "Instances by status.", Counter(view.status for view in views)
        )
        services = Counter(service.status for view in views for service in view.services)
        yield _by_status("mailauncher_services", "Services by status.", services)

    def _responses(self) -> Metric:
        family = CounterMetricFamily(
            "mailauncher_http_answers",
            "Responses by part of the product and status (101: WebSockets, once closed; 0: the client disconnected first).",
            labels=["group", "status"],
        )
        for (group, status), count in self._counts.items():
            family.add_metric([group, str(status)], count)
        return family

    def _fallbacks(self) -> Metric:
        family = CounterMetricFamily(
            "mailauncher_graphql_fallbacks",
            "Root fields of GraphQL operations that were executed without a compiled plan, by reason.",
            labels=["reason"],
        )
        for reason, count in self._ctx.graphql_fallbacks.items():
            family.add_metric([reason], count)
        return family

    def _machine(self) -> Iterator[Metric]:
        sample = system.metrics(self._ctx)
        yield _gauge("cpu_usage_percent", "Processor utilization in percent, 0-100.", sample.cpu_usage)
        yield _gauge("cpu_cores", "Logical processors.", sample.cpu_cores)
        yield _gauge("memory_total_bytes", "Total memory.", sample.memory_total)
        yield _gauge("memory_used_bytes", "Used memory.", sample.memory_used)
        yield _gauge("disk_total_bytes", "Size of the disk of the data folder.", sample.disk_total)
        yield _gauge("disk_used_bytes", "Used space on the disk of the data folder.", sample.disk_used)
        for name, text, value in (
            ("sent", "Bytes sent since boot.", sample.network_bytes_sent),
            ("received", "Bytes received since boot.", sample.network_bytes_recv),
        ):
            yield CounterMetricFamily(f"mailauncher_machine_network_{name}_bytes", text, value)


def _of_database(database: DatabaseStatus) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "mailauncher_database_up", "Whether the database answers (1) or not (0).", labels=["system"]
    )
    up.add_metric([database.system], database.answers)
    yield up
    if database.answer_ms is not None:
        text = "Time in which the database answered just now; missing if it does not answer."
        yield GaugeMetricFamily("mailauncher_database_answer_seconds", text, database.answer_ms / 1000)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mailauncher_machine_{name}", text, value)


def _by_status(name: str, text: str, counts: Mapping[State, int]) -> Metric:
    """One sample per status, including those with a count of 0."""
    family = GaugeMetricFamily(name, text, labels=["status"])
    for state in State:
        family.add_metric([state], counts.get(state, 0))
    return family


async def _figures(ctx: Context, call: Call) -> Response:
    database = await system.database(ctx) if ctx.grant.instances is None else None
    registry = CollectorRegistry()
    registry.register(MetricsCollector(ctx, call.scope[RESPONSE_COUNTS], database))
    text = generate_latest(registry)
    return Response(text, ((b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode()), NO_STORE))


OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        group="system",
        text=Text("Prometheus 指标", "Metrics in Prometheus format"),
        handler=_figures,
        media=(MEDIA,),
    ),
)
