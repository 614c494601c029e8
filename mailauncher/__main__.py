"""Entry point of `python -m mailauncher` and of the console script."""

from cli import main

if __name__ == "__main__":
    main()
