"""The store's migrations, and one that a later version might bring."""
