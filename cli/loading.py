"""Loading modules without the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For a block of imports: what they make stays until the program ends, so garbage collection finds nothing in it.

    Looking for garbage meanwhile, in all that there is so far, again and again, was a quarter of a server's start. Frozen, it
    is not looked through while the server runs or ends either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
