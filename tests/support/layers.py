"""The repository's packages, as every check that walks the whole product needs them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("cli", "server", "schema", "rest", "ssh", "resolvers", "terminals", "bots", "store")
"""Those that a wheel keeps below `mailauncher/_layers`."""
PACKAGES = (*LAYERS, "mailauncher")
