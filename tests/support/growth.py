"""Whether work grows in proportion to its input."""

import gc
import math
from collections.abc import Callable

TRIES = 20


def require_linear(cost: Callable[[int], float]) -> None:
    """Checks that twice the input costs at most 2.5 times, from 1 to 2 or from 2 to 4: what is quadratic costs 4 times in both.

    `cost` does the work for so many times the input, and returns the CPU time in seconds. All are measured in turn until
    that is seen: whatever else the machine does only adds. Garbage is collected between them alone. A full collection
    looks at every object of the process, thousands of other tests' among them, and comes only once enough new objects are
    there: a larger input met it each time, a smaller one never.
    """
    least = dict.fromkeys((1, 2, 4), math.inf)
    gc.freeze()
    gc.disable()
    try:
        for _ in range(TRIES):
            for times in (1, 2, 4):
                gc.collect()
                least[times] = min(least[times], cost(times))
            if least[2] <= 2.5 * least[1] or least[4] <= 2.5 * least[2]:
                return
    finally:
        gc.enable()
        gc.unfreeze()
    raise AssertionError(
        "; ".join(f"{times} times the input: {seconds:.3f} s of CPU" for times, seconds in least.items())
    )
