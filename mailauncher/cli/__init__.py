"""The command line. Each command imports what it needs when it runs, so that `ls` does not wait for the server's parts."""


def main() -> None:
    """The console script `mailauncher`. Ends the process."""
    from mailauncher.cli.program import run

    run()
