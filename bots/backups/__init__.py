"""Backups of a bot's folder: which files belong in one, writing it, and restoring it completely or not at all."""
