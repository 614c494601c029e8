"""Backups of what is the user's in an instance's folder: their files, and restores that a kill interrupted."""
