"""The complete schema, composed from the parts of each noun."""

import copy
import functools
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from mailauncher.settings import Settings
from schema import errors
from schema.backup_commands import BackupMutation
from schema.bulk_commands import BulkMutation
from schema.compiled.executor import Executor, PlanCache
from schema.config_draft import ConfigDraftQuery
from schema.configuration import ConfigQuery
from schema.configuration_commands import ConfigMutation
from schema.context import RequestContext
from schema.deployment import DeploymentQuery, DeploymentSubscription
from schema.deployment_commands import DeploymentMutation
from schema.emoji import EmojiQuery
from schema.emoji_commands import EmojiMutation
from schema.event import EventQuery, EventSubscription
from schema.file import FileQuery
from schema.file_commands import FileMutation
from schema.instance import InstanceQuery, InstanceSubscription
from schema.instance_commands import InstanceMutation
from schema.kept_files import KeptFilesMutation, KeptFilesQuery
from schema.label_commands import LabelMutation
from schema.limits import DocumentCache, LimitsExtension
from schema.person import PersonQuery
from schema.person_commands import PersonMutation
from schema.person_file import PersonFileMutation, PersonFileQuery
from schema.port import PortMutation, PortQuery
from schema.preview import PreviewQuery
from schema.scalars import SCALARS
from schema.service_commands import ServiceMutation
from schema.shared_events import SharedEvents
from schema.ssh_key import SshKeyMutation, SshKeyQuery
from schema.subscriptions import SubscribableSchema
from schema.supervision_commands import SupervisionMutation
from schema.sync_commands import SyncMutation
from schema.system import SystemQuery, SystemSubscription
from schema.terminal import TerminalMutation, TerminalQuery, TerminalSubscription
from schema.terminal_log import TerminalLogQuery
from schema.terminal_search import TerminalSearchQuery, TerminalSearchSubscription
from schema.upgrade_commands import UpgradeMutation
from schema.usage import UsageQuery, UsageSubscription
from schema.version import VersionQuery


@strawberry.type(description="Read operations.")
class Query(
    InstanceQuery,
    DeploymentQuery,
    VersionQuery,
    TerminalQuery,
    TerminalLogQuery,
    TerminalSearchQuery,
    SystemQuery,
    UsageQuery,
    EventQuery,
    EmojiQuery,
    PersonQuery,
    PersonFileQuery,
    ConfigQuery,
    ConfigDraftQuery,
    PortQuery,
    FileQuery,
    KeptFilesQuery,
    PreviewQuery,
    SshKeyQuery,
):
    pass


@strawberry.type(description="Commands. A field is null if the command failed; the error has a code.")
class Mutation(
    InstanceMutation,
    BulkMutation,
    DeploymentMutation,
    UpgradeMutation,
    BackupMutation,
    SupervisionMutation,
    LabelMutation,
    ServiceMutation,
    TerminalMutation,
    EmojiMutation,
    PersonMutation,
    PersonFileMutation,
    SyncMutation,
    ConfigMutation,
    PortMutation,
    FileMutation,
    KeptFilesMutation,
    SshKeyMutation,
):
    pass


@strawberry.type(
    description="Streams of changes, over a WebSocket (`graphql-transport-ws`) or server-sent events."
)
class Subscription(
    InstanceSubscription,
    DeploymentSubscription,
    TerminalSubscription,
    TerminalSearchSubscription,
    SystemSubscription,
    UsageSubscription,
    EventSubscription,
):
    pass


class Schema(SubscribableSchema):
    """Adds a code to every error; see `schema.errors`."""

    def process_errors(
        self, errors_: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        call: Any = execution_context.context if execution_context else None
        errors.add_codes(errors_, call.language if isinstance(call, RequestContext) else "zh")


def create(
    settings: Settings, documents: DocumentCache | None = None, plans: PlanCache | None = None
) -> Schema:
    """The schema with the limits from the settings. `documents` is the cache that it shares with its endpoint."""
    cache = documents or DocumentCache(settings)
    schema = copy.copy(types())
    schema.extensions = (lambda: LimitsExtension(cache),)
    schema.execution_context_class = type(
        "Executor", (Executor,), {"plans": PlanCache() if plans is None else plans}
    )
    schema.documents, schema.events = cache, SharedEvents()
    return schema


@functools.cache
def types() -> Schema:
    """The types of all schemas of this process: they depend on no settings, and take longer to make than all else in a server."""
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def printed() -> str:
    """The schema in GraphQL's language, as in `schema/schema.graphql`."""
    return create(Settings()).as_str() + "\n"
