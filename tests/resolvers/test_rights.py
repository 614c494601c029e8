"""Every operation declares what it needs, and a caller gets no more than that."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import resolvers
from mailauncher.errors import InstanceNotFound, LauncherError, PermissionDenied
from mailauncher.grants import EVERYTHING, NOTHING, Grant, Scope
from resolvers import backups, configuration, deployments, emojis, instances, system, terminals
from resolvers.context import Context
from resolvers.resources import ResourceOperations
from tests.support.context import add_bot

NO_OPERATIONS = {"context", "lifespan", "rights", "validation", "views"}
READ, OPERATE, ADMIN = (Grant(scope) for scope in Scope)


def operations() -> Iterator[tuple[str, Any]]:
    """What the doors may call: every public function of the operations that takes the context."""
    for module in pkgutil.iter_modules(resolvers.__path__):
        if module.ispkg or module.name in NO_OPERATIONS:
            continue
        found = importlib.import_module(f"resolvers.{module.name}")
        for name, function in inspect.getmembers(found, inspect.isfunction):
            # A check that an operation makes of what it was given has had its caller's check already.
            own = function.__module__ == found.__name__ and not name.startswith(("_", "require_"))
            if own and "ctx" in inspect.signature(function).parameters:
                yield f"{module.name}.{name}", function
    for name, function in inspect.getmembers(ResourceOperations, inspect.isfunction):
        if not name.startswith("_") and "ctx" in inspect.signature(function).parameters:
            yield f"ResourceOperations.{name}", function


@pytest.mark.parametrize("operation", [pytest.param(found, id=name) for name, found in operations()])
def test_every_operation_declares_the_scope_that_it_needs(operation: Any) -> None:
    assert operation.scope in Scope


def test_there_are_operations() -> None:
    assert len(list(operations())) > 100


async def test_a_token_that_ends_while_its_request_is_read_gives_no_rights(ctx: Context) -> None:
    """It counted as no token, with which everything is allowed: the guard had let it in before."""
    with ctx.delegations.issue("ssh:x", READ) as token:
        assert ctx.called_by("", f"Bearer {token}").grant == READ
    assert ctx.called_by("", f"Bearer {token}").grant == NOTHING
    assert ctx.called_by("", "Bearer another").grant is EVERYTHING


async def test_a_caller_gets_no_more_than_its_scope(ctx: Context, tmp_path: Path) -> None:
    view = await add_bot(ctx, tmp_path / "bot")
    reader, operator = replace(ctx, grant=READ), replace(ctx, grant=OPERATE)
    assert instances.get(reader, view.id).id == view.id
    for refused, scope in (
        (lambda: instances.start(reader, view.id), "operate"),
        (lambda: terminals.send_input(reader, f"{view.id}_main", "x"), "operate"),
        (lambda: instances.delete(operator, view.id), "admin"),
        (lambda: emojis.delete(operator, view.id, ["x"]), "admin"),
    ):
        with pytest.raises(PermissionDenied, match=f"needs the scope {scope}"):
            refused()
    await instances.restart(operator, view.id)
    await instances.stop(operator, view.id)


async def test_a_caller_sees_only_the_instances_that_its_grant_covers(ctx: Context, tmp_path: Path) -> None:
    view = await add_bot(ctx, tmp_path / "bot")
    other = await add_bot(ctx, tmp_path / "other")
    limited = replace(ctx, grant=Grant(Scope.ADMIN, frozenset({view.id})))
    assert [found.id for found in instances.list_all(limited)] == [view.id]
    assert instances.stats(limited).total == 1
    assert await deployments.list_all(limited) == []
    unknown: LauncherError | None = None
    for named in ("0" * 40, other.id):
        with pytest.raises(InstanceNotFound) as caught:
            instances.get(limited, named)
        unknown = unknown or caught.value
        assert caught.value.text.en == unknown.text.en.replace("0" * 40, named)
    # These were refused, as about the whole server.
    assert await backups.lists(limited, [view.id]) == [[]]
    assert await emojis.counts(limited, [(view.id, emojis.EmojiFilter())]) == [0]
    assert await configuration.read_many(limited, []) == []
    for refused in (
        lambda: backups.lists(limited, [view.id, other.id]),
        lambda: emojis.counts(limited, [(other.id, emojis.EmojiFilter())]),
        lambda: configuration.read_many(limited, [(view.id, "a"), (other.id, "a")]),
        lambda: terminals.get(limited, f"{other.id}_main"),
        lambda: terminals.attach(limited, f"{other.id}_main", None),
        lambda: system.instance_changes(limited, other.id),
    ):
        with pytest.raises(InstanceNotFound):
            refused()
    new = instances.NewInstance("new", str(tmp_path))
    for about_all in (lambda: system.events(limited), lambda: instances.add(limited, new)):
        with pytest.raises(PermissionDenied, match="limited to some instances"):
            about_all()
