"""What becomes of an instance's emojis and persons when it goes, and of what an earlier end left behind."""

from mailauncher.store.emojis import Emojis
from mailauncher.store.images import Images
from mailauncher.store.persons import Persons
from mailauncher.store.registry import Registry


async def forget(emojis: Emojis, images: Images, persons: Persons, instance_id: str) -> None:
    """Removes an instance's emojis with their images, and its persons; others may write in between."""
    while gone := await emojis.drop(instance_id):
        await images.release(row["image"] for row in gone)
    while await persons.drop(instance_id):
        pass


async def forget_strays(registry: Registry, emojis: Emojis, images: Images, persons: Persons) -> None:
    """The same for instances that went while their resources stayed: the server ended in between."""
    for instance_id in {*await emojis.strays(), *await persons.strays()}:
        if registry.get(instance_id) is None:
            await forget(emojis, images, persons, instance_id)
