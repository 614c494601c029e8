"""The whole schema, put together from the parts beside each noun."""

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from mailauncher.settings import Settings
from schema import errors
from schema.backup_commands import BackupMutation
from schema.configuration import ConfigQuery
from schema.configuration_commands import ConfigMutation
from schema.context import Call
from schema.deployment import DeploymentQuery, DeploymentSubscription
from schema.deployment_commands import DeploymentMutation
from schema.emoji import EmojiQuery
from schema.emoji_commands import EmojiMutation
from schema.event import EventQuery, EventSubscription
from schema.instance import InstanceQuery, InstanceSubscription
from schema.instance_commands import InstanceMutation
from schema.limits import Desk, Examination
from schema.person import PersonQuery
from schema.person_commands import PersonMutation
from schema.person_file import PersonFileMutation, PersonFileQuery
from schema.scalars import SCALARS
from schema.service_commands import ServiceMutation
from schema.supervision_commands import SupervisionMutation
from schema.sync_commands import SyncMutation
from schema.system import SystemQuery, SystemSubscription
from schema.terminal import TerminalMutation, TerminalQuery, TerminalSubscription
from schema.terminal_log import TerminalLogQuery
from schema.upgrade_commands import UpgradeMutation
from schema.version import VersionQuery


@strawberry.type(description="What can be read.")
class Query(
    InstanceQuery,
    DeploymentQuery,
    VersionQuery,
    TerminalQuery,
    TerminalLogQuery,
    SystemQuery,
    EventQuery,
    EmojiQuery,
    PersonQuery,
    PersonFileQuery,
    ConfigQuery,
):
    pass


@strawberry.type(
    description="What can be done. Each field is null where it fails, and an error with a code says why."
)
class Mutation(
    InstanceMutation,
    DeploymentMutation,
    UpgradeMutation,
    BackupMutation,
    SupervisionMutation,
    ServiceMutation,
    TerminalMutation,
    EmojiMutation,
    PersonMutation,
    PersonFileMutation,
    SyncMutation,
    ConfigMutation,
):
    pass


@strawberry.type(
    description="What can be followed, over a WebSocket (`graphql-transport-ws`) or server-sent events."
)
class Subscription(
    InstanceSubscription, DeploymentSubscription, TerminalSubscription, SystemSubscription, EventSubscription
):
    pass


class Schema(strawberry.Schema):
    """Gives every error that leaves it a code; see `schema.errors`."""

    def process_errors(
        self, errors_: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        call: Any = execution_context.context if execution_context else None
        errors.describe(errors_, call.language if isinstance(call, Call) else "zh")


def create(settings: Settings) -> Schema:
    """The schema with the limits of the settings."""
    desk = Desk(settings)
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[lambda: Examination(desk)],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def printed() -> str:
    """The schema as text, as it stands in `schema/schema.graphql`."""
    return create(Settings()).as_str() + "\n"
