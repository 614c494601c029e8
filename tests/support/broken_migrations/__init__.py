"""The store's migrations, and one that a later version might bring and that fails."""

import pkgutil

from store import migrations

__path__ = [*__path__, *migrations.__path__]
NEWEST = max(module.name for module in pkgutil.iter_modules(migrations.__path__))
