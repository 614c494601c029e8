"""The SSH gateway: a front door for `ssh`, with the same terminals and operations as the others."""
