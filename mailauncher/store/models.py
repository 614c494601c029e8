"""The tables. Times are milliseconds since 1970 in UTC; flags of the API that hold text stay text."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Instance(Model):
    """One managed bot. Its status is no column: the process says what it does."""

    id = fields.CharField(primary_key=True, max_length=40, description="40 lower-case hex digits")
    name = fields.CharField(max_length=64, unique=True)
    path = fields.CharField(max_length=4096, unique=True, description="absolute, links resolved")
    port = fields.IntField()
    version = fields.CharField(max_length=128)
    installed_at = fields.BigIntField(description="milliseconds since 1970")
    recipe = fields.CharField(max_length=64, description="name of the recipe that says how to run it")
    run_command = fields.TextField(null=True, description="run instead of the recipe's command, as typed")
    wanted = fields.BooleanField(default=False, description="whether the user wants it to run")
    supervision = fields.TextField(
        null=True, description="JSON: how its programs are looked after, where that differs from the default"
    )

    class Meta:
        table = "instance"


class Service(Model):
    """A companion of an instance: NapCat, the adapter, or whatever the catalogue adds."""

    id = fields.IntField(primary_key=True)
    instance: fields.ForeignKeyRelation[Instance] = fields.ForeignKeyField(
        "store.Instance", related_name="services", on_delete=fields.CASCADE, db_index=True
    )
    name = fields.CharField(max_length=64)
    path = fields.CharField(max_length=4096)
    port = fields.IntField()
    run_command = fields.TextField(null=True, description="run instead of the recipe's command, as typed")
    wanted = fields.BooleanField(default=False, description="whether the user wants it to run")

    class Meta:
        table = "service"
        unique_together = (("instance", "name"),)


class Event(Model):
    """One thing that happened in the launcher's life: who did what to which instance, and why a bot died."""

    id = fields.BigIntField(primary_key=True)
    at = fields.BigIntField(description="milliseconds since 1970")
    instance_id: fields.Field[str | None] = fields.CharField(
        max_length=40, null=True, description="kept after the instance is gone"
    )
    kind = fields.CharField(max_length=32)
    caller = fields.CharField(max_length=64, description="who asked: a front door, or the supervisor itself")
    zh = fields.TextField(description="the sentence in Chinese")
    en = fields.TextField(description="the sentence in English")

    class Meta:
        table = "event"
        indexes = (Index(fields=("instance_id", "id")),)


class Deployment(Model):
    """A deployment, clone or upgrade of an instance, of which the newest one counts.

    How far it is stands in its journal, a file; this says what it is and how it ended.
    """

    id = fields.IntField(primary_key=True)
    instance_id = fields.CharField(max_length=40, description="kept after the instance is gone")
    kind = fields.CharField(max_length=16, description="deploy, clone or upgrade")
    status = fields.CharField(
        max_length=16, description="pending, installing, completed, failed or cancelled"
    )
    name = fields.CharField(max_length=64, description="the instance's name")
    version = fields.CharField(max_length=128, description="the tag or branch that was resolved")
    commit = fields.CharField(max_length=64, description="what was checked out, empty until it was")
    start = fields.BooleanField(description="whether the instance is to be started at the end")
    created_at = fields.BigIntField(description="milliseconds since 1970")
    ended_at = fields.BigIntField(null=True, description="milliseconds since 1970")
    seconds = fields.TextField(null=True, description="JSON: how long each step took, by its name")

    class Meta:
        table = "deployment"
        indexes = (Index(fields=("instance_id", "id")),)
