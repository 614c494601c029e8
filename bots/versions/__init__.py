"""Versions of a bot: names of releases, the installed version, and the versions that its repositories offer."""
