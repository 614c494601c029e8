"""Who has a port: an instance, a deployment, or a process that listens. Every command that gives a port asks here.

A start asks for processes alone (`port_holders`): its instance has the port, and another one that has it too may
be stopped, such as a second bot that was added with a service on its usual port.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from bots.catalogue import Catalogue
from bots.deploying import plan as plans
from mailauncher import listeners
from mailauncher.errors import Text
from mailauncher.grants import Grant
from resolvers.running import port_holders, port_plan
from resolvers.running.live_instances import LiveInstances
from resolvers.views import InstanceView
from store.deployments import Deployments
from store.records import DeploymentRecord, DeploymentStatus, InstanceRecord
from store.registry import Registry

_AT_AN_END = (DeploymentStatus.COMPLETED, DeploymentStatus.CANCELLED)


class PortOwners:
    """Who had which port at one moment. Processes are looked at when they are asked for."""

    def __init__(
        self,
        claimed: Mapping[int, Text],
        own: InstanceView | None,
        folders: Sequence[Path],
        instances: Sequence[InstanceView],
    ) -> None:
        self._claimed = claimed
        self._own = own
        self._folders = folders
        self._instances = instances

    def owner_of(self, port: int) -> Text | None:
        """Whose port it is, as a sentence names it; None if it is free. Blocks."""
        return self._claimed.get(port) or self.holder_of(port)

    def holder_of(self, port: int) -> Text | None:
        """The process that listens on it, unless it is the instance's. Blocks."""
        if not listeners.is_taken(port) or self._is_own(port):
            return None
        return port_holders.describe(port, self._instances)

    def _is_own(self, port: int) -> bool:
        """Of an instance that is being added, what runs in its folders is its own; later, only what was started for it."""
        if self._own is None:
            return listeners.runs_in(port, self._folders)
        return port_holders.is_of(port, self._own)


class PortRegistry:
    """Finds the owners of ports. `plans` has a folder for each instance that was deployed. What is found to be free stays
    free only for a caller that holds `Locks.claims`."""

    def __init__(
        self,
        registry: Registry,
        live: LiveInstances,
        deployments: Deployments,
        catalogue: Catalogue,
        plans: Path,
    ) -> None:
        self._registry = registry
        self._live = live
        self._deployments = deployments
        self._catalogue = catalogue
        self._plans = plans

    async def owners(
        self, grant: Grant, record: InstanceRecord | None = None, *, replanned: str | None = None
    ) -> PortOwners:
        """Owners other than the instance `record`: its ports, those of its deployment, and those of its programs count as free; as
        long as it is being added, also those of processes that run in its folders. `replanned` is an instance whose deployment is
        about to be replaced by another. Instances that the grant does not cover are not named."""
        records = [other for other in self._registry if record is None or other.id != record.id]
        open_deployments = [
            found
            for other in records
            if (found := self._deployments.get(other.id))
            and found.status not in _AT_AN_END
            and other.id != replanned
        ]
        folders = [Path(record.path), *(Path(s.path) for s in record.services)] if record else []
        claimed = await asyncio.to_thread(self._claimed, grant, records, open_deployments)
        covered = [view for view in self._live.views if grant.covers(view.id)]
        own = self._live.view(record.id) if record and record.id in self._live else None
        return PortOwners(claimed, own, folders, covered)

    async def require_free(
        self, grant: Grant, ports: Iterable[int], record: InstanceRecord | None = None, *, field: str = "port"
    ) -> None:
        """Raises PortInUse for the first one that is not the instance's own and not free."""
        owners = await self.owners(grant, record)
        for port in ports:
            if port and (owner := await asyncio.to_thread(owners.owner_of, port)):
                raise listeners.in_use_error(port, owner, field)

    def _claimed(
        self, grant: Grant, records: Iterable[InstanceRecord], deployments: Iterable[DeploymentRecord]
    ) -> dict[int, Text]:
        found: dict[int, Text] = {}
        for deployment in deployments:
            words = Text(f"实例 {deployment.name} 的部署", f"the deployment of instance {deployment.name}")
            words = words if grant.covers(deployment.instance_id) else listeners.UNKNOWN
            found |= dict.fromkeys(self._planned(deployment.instance_id), words)
        for record in records:
            words = Text(f"实例 {record.name} ", f"instance {record.name}")
            words = words if grant.covers(record.id) else listeners.UNKNOWN
            found |= dict.fromkeys(port_plan.used_ports(record, self._catalogue), words)
        return found

    def _planned(self, instance_id: str) -> set[int]:
        """The ports of what a deployment installs. Of services that it does not install its plan has the usual ones."""
        try:
            plan = plans.read(self._plans / instance_id)
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return set()
        absent = {recipe.name for recipe in self._catalogue.services()}
        absent -= {component.name for component in plan.components}
        return {port for name, port in plan.ports.items() if name.partition(".")[0] not in absent} - {0}
