"""What people type to name a terminal: `bot`, `bot/napcat`, the beginning of an id, or a session id."""

import unicodedata

from mailauncher.errors import LauncherError
from mailauncher.grants import Scope
from resolvers import instances, terminals
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.views import TerminalView
from terminals.supervisor import MAIN

MIN_PREFIX = 4  # characters of an id


@needs(Scope.READ, filters=True)
def find(ctx: Context, text: str) -> TerminalView | None:
    """The terminal that the text names; None if there is none, it is not the caller's to see, or several could be meant.

    Names are compared after NFC: what a client types may be composed in another way than what was typed here.
    """
    wanted, _, terminal = unicodedata.normalize("NFC", text).partition("/")
    instance_id = _instance_id(ctx, wanted)
    session_id = wanted if instance_id is None and not terminal else f"{instance_id}_{terminal or MAIN}"
    try:
        return terminals.get(ctx, session_id)
    except LauncherError:
        return None


def _instance_id(ctx: Context, wanted: str) -> str | None:
    views = instances.list_all(ctx)
    for view in views:
        if wanted in (view.id, unicodedata.normalize("NFC", view.name)):
            return view.id
    if len(wanted) < MIN_PREFIX:
        return None
    found = [view.id for view in views if view.id.startswith(wanted.lower())]
    return found[0] if len(found) == 1 else None
