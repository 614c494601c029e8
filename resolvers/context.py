"""What a resolver is given: the parts of the running server, and who asks."""

from dataclasses import dataclass, field

from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.terms import Terms
from mailauncher.bots.versions import Versions
from mailauncher.events import Bus
from mailauncher.settings import Settings
from mailauncher.store.deployments import Deployments
from mailauncher.store.emojis import Emojis
from mailauncher.store.images import Images
from mailauncher.store.journal import Journal
from mailauncher.store.persons import Persons
from mailauncher.store.registry import Registry
from resolvers.config_files import Configs
from resolvers.deploying import Deployer
from resolvers.fleet import Fleet
from resolvers.metrics import Sampler
from resolvers.stepping import Steps
from resolvers.turns import Turns
from resolvers.usage import Meter
from terminals.house import House


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the app; each front door replaces `caller` with its own name (`rest`, `graphql`, `cli`...)."""

    settings: Settings
    registry: Registry
    deployments: Deployments
    journal: Journal
    emojis: Emojis
    persons: Persons
    images: Images
    configs: Configs
    steps: Steps
    catalogue: Catalogue
    versions: Versions
    terms: Terms
    house: House
    fleet: Fleet
    deployer: Deployer
    bus: Bus
    sampler: Sampler
    meter: Meter
    started_at: float
    caller: str = "server"
    turns: Turns = field(default_factory=Turns)
