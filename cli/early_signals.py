"""Signals that come while modules are imported, before a command can handle them.

Nothing has begun then, so that the process may end at once. An exception would be the wrong way: where it reaches a weak
reference's callback or a bare `except` of an imported module, it is printed or lost.

Until this module handles them, Ctrl-C prints a traceback. So what is imported before, this module and `mailauncher`, imports only
what the interpreter itself has loaded: `signal` alone loads ten more modules.
"""

import _signal as signal  # type: ignore[import-not-found] # an internal module, without types
import os

INTERRUPTED = 130
"""Exit status after Ctrl-C, where that is not the usual end."""
SERVERS = ("serve", "demo")
"""Commands whose usual end is a signal. They handle signals themselves as soon as all is imported."""


def end_at_once(arguments: list[str]) -> None:
    """From now on a signal ends the process, with the status that the command has for it."""
    serves = _command(arguments) in SERVERS
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if serves else (signal.SIGINT,):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(0 if serves else INTERRUPTED))


def raise_again(arguments: list[str]) -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, as usual, unless the command is a server."""
    if _command(arguments) not in SERVERS and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _command(arguments: list[str]) -> str:
    """The first argument that is neither an option nor the value of `--lang`."""
    return next((word for word in arguments if not word.startswith("-") and word not in ("zh", "en")), "")
