"""Removes the emojis, images and persons of instances that are gone."""

from store.emojis import Emojis
from store.images import Images
from store.persons import Persons
from store.registry import Registry


async def remove_resources(emojis: Emojis, images: Images, persons: Persons, instance_id: str) -> None:
    """Removes an instance's emojis with their images, and its persons, a batch at a time: others may write in between."""
    while removed := await emojis.remove_batch(instance_id):
        await images.remove_unused(row["image"] for row in removed)
    while await persons.remove_batch(instance_id):
        pass


async def remove_orphans(registry: Registry, emojis: Emojis, images: Images, persons: Persons) -> None:
    """Removes what instances left behind whose removal a server's end cut short."""
    for instance_id in {*await emojis.orphaned_instances(), *await persons.orphaned_instances()}:
        # Between the query and here another task may have added an instance: the registry knows those.
        if registry.get(instance_id) is None:
            await remove_resources(emojis, images, persons, instance_id)
