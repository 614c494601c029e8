"""How long the steps of a deployment take: what they took on this machine, else what they usually take."""

from collections.abc import Collection, Mapping, Sequence

from bots.deploying.journal import DeploymentState
from bots.deploying.plan import WEIGHTS, Component, Plan, Step
from resolvers.views import Estimate
from store.deployments import Deployments
from store.records import DeploymentKind

UNMEASURED = (0.5, 6.0)
"""The shortest and the longest duration of a step that this machine has not carried out yet, as shares of the usual one. Most
of it is downloading, which takes ten times as long on one network as on another."""
MEASURED = (0.7, 1.5)
"""The same for a step that was carried out here, as shares of the shortest and the longest recent duration."""


def steps_of(kind: DeploymentKind, components: Sequence[Component], *, start: bool) -> list[Step]:
    """The steps that there will be, in their order."""
    absent: set[Step] = set()
    if kind is not DeploymentKind.UPGRADE:
        absent.add("stop")
    if kind is DeploymentKind.SERVICES or not any(component.install.python for component in components):
        absent |= {"environment", "dependencies"}
    if len(components) == 1:
        absent.add("services")
    if not start:
        absent.add("start")
    return [step for step in WEIGHTS if step not in absent]


def usual_seconds(rows: Deployments, kind: DeploymentKind, steps: Collection[Step]) -> dict[Step, float]:
    """The recent average of each step on this machine, else a typical value."""
    return {step: rows.average_seconds(kind, step) or WEIGHTS[step] for step in steps}


def ranges(
    rows: Deployments, kind: DeploymentKind, steps: Collection[Step]
) -> dict[Step, tuple[float, float]]:
    """The shortest and the longest likely duration of each step, in seconds."""
    found = {}
    for step in steps:
        taken = rows.recent_seconds(kind, step)
        least, most = (min(taken), max(taken)) if taken else (WEIGHTS[step], WEIGHTS[step])
        shorter, longer = MEASURED if taken else UNMEASURED
        found[step] = (least * shorter, most * longer)
    return found


def total(of: Mapping[Step, tuple[float, float]], steps: Collection[Step] | None = None) -> Estimate:
    """All of these steps together; `steps`: only those of them."""
    chosen = [taken for step, taken in of.items() if steps is None or step in steps]
    return _estimate(sum(least for least, _ in chosen), sum(most for _, most in chosen))


def remaining(plan: Plan, state: DeploymentState) -> Estimate | None:
    """What was left to do when the state was read; None for the plan of an earlier version, which does not say."""
    if not plan.ranges:
        return None
    left = {step: 1.0 - state.shares.get(step, 0.0) for step in plan.ranges}
    least = sum(left[step] * least for step, (least, _) in plan.ranges.items())
    most = sum(left[step] * most for step, (_, most) in plan.ranges.items())
    return _estimate(least, most)


def _estimate(least: float, most: float) -> Estimate:
    return Estimate(int(least), max(1, round(most)))
