"""What an operation demands of its caller, declared beside it and checked here, whichever door the request came through."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from mailauncher.errors import InstanceNotFound, PermissionDenied
from mailauncher.grants import EVERYTHING, Grant, Scope

Operation = TypeVar("Operation", bound=Callable[..., Any])
_OF_AN_INSTANCE = ("instance_id", "session_id")
"""Parameters by which an operation is told its instance."""
_OF_INSTANCES = ("instance_ids", "of_instances")
"""Those of an operation on several at once: ids, or tuples that begin with one."""


def needs(scope: Scope, *, filters: bool = False) -> Callable[[Operation], Operation]:
    """Declares the scope that an operation needs. The check is made when it is called, before anything happens.

    An operation with a parameter `instance_id` or `session_id` is only for callers whose grant covers that instance, and one with
    `instance_ids` or `of_instances` for those whose grant covers all of them. One with none of these is not for callers with a
    grant that is limited to some instances, unless it `filters`: returns only what is of those.
    Raises PermissionDenied, and InstanceNotFound for an instance that is not covered, as if there were none.
    """

    def declare(operation: Operation) -> Operation:
        names = list(inspect.signature(operation).parameters)
        ctx_place = names.index("ctx")
        place = next((names.index(name) for name in _OF_AN_INSTANCE if name in names), None)
        several = next((names.index(name) for name in _OF_INSTANCES if name in names), None)

        @functools.wraps(operation)
        def checked(*args: Any, **kwargs: Any) -> Any:
            grant: Grant = args[ctx_place].grant
            if grant is not EVERYTHING:
                require(grant, scope)
                if place is not None:
                    named = args[place] if place < len(args) else kwargs.get(names[place])
                    require_covered(grant, named, filters=filters)
                elif several is not None:
                    for each in args[several] if several < len(args) else kwargs[names[several]]:
                        named = each if isinstance(each, str) else each[0]
                        require_covered(grant, named, filters=filters)
                elif not filters:
                    require_unlimited(grant)
            return operation(*args, **kwargs)

        checked.scope = scope  # type: ignore[attr-defined]  # for the test that every operation declares one
        return checked  # type: ignore[return-value]  # it takes and returns the same

    return declare


def require(grant: Grant, scope: Scope) -> None:
    """Raises PermissionDenied."""
    if not grant.scope.includes(scope):
        raise PermissionDenied(
            f"这里需要权限 {scope}，而所用密钥的权限为 {grant.scope}",
            f"This needs the scope {scope}, and the key that was used has the scope {grant.scope}",
        )


def require_covered(grant: Grant, named: str | None, *, filters: bool) -> None:
    """Raises InstanceNotFound, PermissionDenied if none is named although it has to be."""
    if named is None:
        if not filters:
            require_unlimited(grant)
    elif not grant.covers(named.rpartition("_")[0] or named):
        raise InstanceNotFound(named)


def require_unlimited(grant: Grant) -> None:
    """Raises PermissionDenied."""
    if grant.instances is not None:
        raise PermissionDenied(
            "所用密钥只能用于部分实例，不能用于整个服务器",
            "The key that was used is limited to some instances, and this is about the whole server",
        )
