"""Holds a former name of the worker of deployments, and nothing else. The package that knows bots is `bots`."""
