# ruff: noqa: N999 - as Tortoise writes them
from importlib import import_module

Migration = import_module("mailauncher.store.migrations.0001_initial").Migration
