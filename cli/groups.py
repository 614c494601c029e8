"""Groups of sub-commands for the parts of an instance: `config`, `emoji`, `person`."""

from itertools import takewhile
from typing import Any

from typer.core import TyperGroup


class InstanceFirst(TyperGroup):
    """Also accepts the former order, `INSTANCE [COMMAND] ...`, as long as no option stands before the command."""

    defaults: tuple[str, ...] = ("ls",)
    """The command that is meant where none is given: after one word, after two words. That many words precede it else."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = args[0] in self.commands
        return super().resolve_command(ctx, args if known else self._command_first(args))

    def _command_first(self, args: list[str]) -> list[str]:
        words = list(takewhile(lambda word: not word.startswith("-"), args))
        place = len(self.defaults)
        if 0 < len(words) <= place:
            return [self.defaults[len(words) - 1], *args]
        if words and words[place] in self.commands:
            return [words[place], *args[:place], *args[place + 1 :]]
        return args
