"""The store's migrations, and one that fails half way."""
