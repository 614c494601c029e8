"""Fetching files: git repositories, downloads, archives. Nothing that comes in is trusted."""
