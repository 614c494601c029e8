"""The command line. Each command imports what it needs when it runs, so that `ls` does not load the server."""

import sys

from cli import early_signals, standard_streams


def main() -> None:
    """The console script `mailauncher`. Ends the process."""
    early_signals.end_at_once(sys.argv[1:])
    standard_streams.open_closed()
    from cli.loading import loading

    with loading():
        from cli.program import run

    try:
        run()
    except KeyboardInterrupt:  # before or after a command
        sys.exit(early_signals.INTERRUPTED)
