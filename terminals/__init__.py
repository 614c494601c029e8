"""Pseudo-terminals, the processes in them and their output; no database."""
