"""What is known of bots and services that can be installed."""

from dataclasses import dataclass

from bots.catalogue import Catalogue
from bots.fitting import FittingReleases
from bots.terms.offered import OfferedTerms
from bots.versions.known import KnownVersions
from mailauncher.settings import Settings


@dataclass(frozen=True, slots=True)
class BotSources:
    """Recipes, versions, the texts of a version, and the releases of services that fit it."""

    catalogue: Catalogue
    versions: KnownVersions
    terms: OfferedTerms
    fitting: FittingReleases

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> "BotSources":
        data = settings.data_folder
        return cls(catalogue, KnownVersions(settings, catalogue), OfferedTerms(data), FittingReleases(data))

    async def close(self) -> None:
        """Ends what is being fetched."""
        await self.versions.close()
        await self.terms.close()
        await self.fitting.close()
