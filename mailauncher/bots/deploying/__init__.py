"""Deployments: what a plan says, how it is carried out, and the journal that tells how far it is.

`python -m mailauncher.bots.deploying <folder>` carries out the plan in a folder. It runs in an instance's `deploy` terminal,
held by the keeper, so that the end of the server does not end it.
"""
