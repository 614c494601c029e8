"""What a resolver is given: the parts of the running server, and who asks."""

from collections import Counter
from dataclasses import dataclass, field, replace

from bots.offers import BotSources
from mailauncher.access import COMMAND_LINE, bearer_token
from mailauncher.browser_sessions import BrowserSessions
from mailauncher.delegations import Delegate, Delegations, is_delegated
from mailauncher.events import Bus
from mailauncher.grants import EVERYTHING, NOTHING, Grant
from mailauncher.settings import Settings
from resolvers.archiving.backup_files import BackupFiles
from resolvers.browsing.bot_folders import BotFolders
from resolvers.configuring.files import Configs
from resolvers.deploying.deployer import Deployer
from resolvers.running.live_instances import LiveInstances
from resolvers.running.locks import Locks
from resolvers.running.metrics import MachineSampler
from resolvers.running.ports import PortRegistry
from resolvers.running.usage import UsageSampler
from resolvers.syncing.deletions import Deletions
from resolvers.syncing.synchronizer import Synchronizer
from store.database import Database
from store.deployments import Deployments
from store.emojis import Emojis
from store.images import Images
from store.journal import Journal
from store.persons import Persons
from store.registry import Registry
from store.ssh_keys import SshKeys
from store.usage_history import UsageHistory


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept in the database and, of images, beside it."""

    database: Database
    registry: Registry
    deployments: Deployments
    journal: Journal
    emojis: Emojis
    persons: Persons
    images: Images
    ssh_keys: SshKeys


@dataclass(frozen=True, slots=True)
class Samplers:
    """What is measured in the background."""

    machine: MachineSampler
    usage: UsageSampler
    history: UsageHistory


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the lifespan; each front door replaces `caller` with its own name (`rest`, `graphql`), and for requests of
    the command line with `cli`.

    `store` and `bots` hold data; `live`, `deployer`, `synchronizer`, `deletions`, `configs`, `backups` and `folders` are the engines
    that change it.
    """

    settings: Settings
    bus: Bus
    store: Store
    bots: BotSources
    locks: Locks
    ports: PortRegistry
    live: LiveInstances
    deployer: Deployer
    synchronizer: Synchronizer
    deletions: Deletions
    configs: Configs
    backups: BackupFiles
    folders: BotFolders
    samplers: Samplers
    sessions: BrowserSessions
    started_at: float
    delegations: Delegations = field(default_factory=Delegations)
    graphql_fallbacks: Counter[str] = field(default_factory=Counter)
    """Root fields of GraphQL operations that were not compiled, by reason."""
    caller: str = "server"
    grant: Grant = EVERYTHING
    """What the caller may do."""

    def called_by(self, user_agent: str, authorization: str) -> "Context":
        """The context for a request of that client, with these headers."""
        if authorization and is_delegated(token := bearer_token(authorization)):
            # One that has ended since the guard looked may do nothing: it stood for less than everything.
            delegate = self.delegations.find(token) or Delegate("ssh", NOTHING)
            return replace(self, caller=delegate.caller, grant=delegate.grant)
        return replace(self, caller="cli") if user_agent.startswith(COMMAND_LINE) else self
