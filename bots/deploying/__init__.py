"""Deployments: the plan, the worker that carries it out, and the journal of its progress.

`python -m bots.deploying <folder>` carries out the plan in a folder. It runs in an instance's `deploy` terminal, which the
keeper holds, so it continues when the server ends.
"""
