"""CPU time to execute GraphQL documents: by compiled plans and by graphql-core, in turn, in one process.

    python benchmarks/execution.py [--rounds 15]

`first` is a document that was parsed for this execution alone, so that compiling it is part of the time; `again` is one
that has been executed before. Objects that are kept for the next execution are forgotten before each. Encoding to JSON and
HTTP are not part of it. Garbage is collected before each execution: what graphql-core leaves behind would otherwise be
collected in the time of the other, so that a few rounds show half the ratio.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

from graphql import DocumentNode, ExecutionResult, execute, parse
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from mailauncher.settings import Settings
from resolvers.views import Details, InstanceView, ServiceView
from schema import root
from schema.compiled.kept_objects import KeptObjects
from terminals.states import State

QUERY = """{ instances {
  id name status installedAt path port version services { name path status port } } }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    schema = root.create(Settings())
    executors = {
        "compiled": schema.execution_context_class,
        "graphql-core": StrawberryGraphQLCoreExecutionContext,
    }
    gc.freeze()  # else each collection would look at the whole schema, and leave the caches of the processor cold
    print(f"{'':22}{'compiled ms':>12}{'graphql-core':>14}{'ratio':>8}{'least':>8}{'most':>8}")
    for count in (1, 10, 100, 1000):
        views = [instance(number) for number in range(count)]
        schema._schema.query_type.fields["instances"].resolve = lambda *_, found=views, **__: found
        kept = parse(QUERY)
        for name, document in (("first", lambda: parse(QUERY)), ("again", lambda found=kept: found)):
            times: dict[str, list[float]] = {key: [] for key in executors}
            for _ in range(options.rounds + 1):
                for key, executor in executors.items():
                    times[key].append(cost(schema._schema, executor, document))
            show(f"N={count}, {name}", *(found[1:] for found in times.values()))


def instance(number: int) -> InstanceView:
    path = f"/srv/bots/bot-{number}"
    identifier = f"{number:040x}"
    return InstanceView(
        id=identifier,
        name=f"bot-{number}",
        status=State.STOPPED,
        installed_at=str(1_700_000_000_000 + number),
        path=path,
        port=20000 + 3 * number,
        version="0.7.0",
        recipe="maibot",
        pid=None,
        started_at=None,
        ready=None,
        restarts=0,
        failure=None,
        details=Details(),
        services=tuple(
            ServiceView(
                instance_id=identifier,
                name=name,
                alias=None,
                path=f"{path}/{name}",
                status=State.STOPPED,
                port=1 + number,
                pid=None,
                started_at=None,
                ready=None,
                restarts=0,
                failure=None,
                details=Details(),
            )
            for name in ("napcat", "nonebot-ada")
        ),
    )


def cost(schema: Any, executor: Any, document: Callable[[], DocumentNode]) -> float:
    parsed = document()
    if plans := getattr(executor, "plans", None):
        plans.kept = KeptObjects()
    gc.collect()
    begun = time.process_time()
    result = execute(schema, parsed, executor_class=executor, is_awaitable=optimized_is_awaitable)
    took = time.process_time() - begun
    assert isinstance(result, ExecutionResult)
    assert not result.errors
    return took


def show(what: str, mine: list[float], its: list[float]) -> None:
    ratios = [other / own for own, other in zip(mine, its, strict=True)]
    print(
        f"{what:22}{statistics.median(mine) * 1e3:12.3f}{statistics.median(its) * 1e3:14.3f}"
        f"{statistics.median(ratios):8.1f}{min(ratios):8.1f}{max(ratios):8.1f}"
    )


if __name__ == "__main__":
    main()
