"""MaiLauncher deploys, starts, stops, watches and configures MaiBot chat bots."""

import sys
from pathlib import Path

__version__ = "0.1.0"

# A wheel keeps schema, resolvers, rest and terminals in this folder, so that it puts one name only into
# site-packages, where a public package called `schema` may live. First on the path, so that within this
# program those four names are ours. A checkout has no such folder: there they are found beside this package.
_layers = Path(__file__).with_name("_layers")
if _layers.is_dir() and str(_layers) not in sys.path:
    sys.path.insert(0, str(_layers))
