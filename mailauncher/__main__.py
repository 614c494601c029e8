"""`python -m mailauncher` is `mailauncher`."""

from mailauncher.cli import main

if __name__ == "__main__":
    main()
