"""Deployments and upgrades: runs their workers, follows their journals, and resumes after a restart of the server."""
