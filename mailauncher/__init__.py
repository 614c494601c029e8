"""MaiLauncher deploys, starts, stops, watches and configures MaiBot chat bots."""

import os
import sys

__version__ = "0.1.0"

# In a wheel, this folder contains the other layers (cli, server, schema, rest, resolvers, terminals, bots, store), so that
# only one name is installed into site-packages, where a public package called `schema` may exist. It comes first on the
# path, so that those names are ours within this program. A checkout has no such folder: the layers are beside this package.
_layers = os.path.join(os.path.dirname(__file__), "_layers")  # noqa: PTH118, PTH120 - see cli/early_signals.py
if os.path.isdir(_layers) and _layers not in sys.path:  # noqa: PTH112
    sys.path.insert(0, _layers)
