"""The tables. Times are milliseconds since 1970 in UTC.

Migrations contain the docstrings and column descriptions of this module: to change one takes a new migration.
"""

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
    notes = fields.TextField(null=True, description="what its owners want to remember")
    tags = fields.TextField(null=True, description="JSON: a list of words to group it by")

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
    alias = fields.CharField(
        max_length=64,
        null=True,
        description="what the existing web client calls it, where that is another name",
    )

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
    session_id: fields.Field[str | None] = fields.CharField(
        max_length=128, null=True, description="the terminal whose program has died"
    )
    offset: fields.Field[int | None] = fields.BigIntField(
        null=True, description="the end of what that program had printed"
    )

    class Meta:
        table = "event"
        indexes = (Index(fields=("instance_id", "id")),)


class Deployment(Model):
    """A deployment, clone or upgrade of an instance, of which the newest one counts.

    How far it is stands in its journal, a file; this says what it is and how it ended.
    """

    id = fields.IntField(primary_key=True)
    instance_id = fields.CharField(max_length=40, description="kept after the instance is gone")
    # A value of `records.DeploymentKind`, so `services` too: another description would be a migration.
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


class ConfigRevision(Model):
    """What a configuration file held at a moment. The newest of a file is what it held when it was last looked at."""

    id = fields.BigIntField(primary_key=True)
    instance: fields.ForeignKeyRelation[Instance] = fields.ForeignKeyField(
        "store.Instance", related_name="config_revisions", on_delete=fields.CASCADE
    )
    file = fields.CharField(max_length=64, description="its name, such as bot or env")
    at = fields.BigIntField(description="milliseconds since 1970: when it was written, or noticed")
    caller = fields.CharField(max_length=64, description="who asked: a front door, or nobody that is known")
    source = fields.CharField(max_length=8, description="api, disk, restore or deploy")
    hash = fields.CharField(max_length=32, description="names the content, as its ETag does")
    size = fields.IntField(description="bytes")
    content = fields.BinaryField(description="the bytes of the file")

    class Meta:
        table = "config_revision"
        indexes = (Index(fields=("instance_id", "file", "id")),)


class Emoji(Model):
    """A picture that a bot may send, as the launcher keeps it. Its file lies in the data folder by content hash."""

    seq = fields.BigIntField(
        primary_key=True, description="order of creation, and the number in the search index"
    )
    id = fields.CharField(max_length=40, unique=True, description="40 lower-case hex digits")
    instance_id = fields.CharField(max_length=40)
    name = fields.CharField(max_length=64, description="unique in its instance")
    description = fields.TextField()
    tags = fields.TextField(description="JSON: a list of texts")
    category = fields.CharField(max_length=64)
    image = fields.CharField(max_length=72, description="name of its file: SHA-256 of the content and ending")
    search = fields.TextField(
        description="what a search looks into, folded as store.words does, empty: hidden"
    )
    created_at = fields.BigIntField(description="milliseconds since 1970")
    updated_at = fields.BigIntField(description="milliseconds since 1970")
    origin = fields.CharField(max_length=8, default="user", description="who made it: user or bot")
    bot_key: fields.Field[str | None] = fields.CharField(
        max_length=255, null=True, description="what the bot's own database knows it by"
    )
    pending = fields.CharField(
        max_length=8,
        default="",
        description="what the bot has still to be told: add, update, delete or nothing, gone: hidden here and kept by the bot",
    )
    aside = fields.TextField(
        null=True,
        description="JSON, of a row that was deleted and can be restored (`pending` is `aside` then): what to restore, and until when",
    )

    class Meta:
        table = "emoji"
        unique_together = (("instance_id", "name"),)
        indexes = (
            Index(fields=("instance_id", "seq")),
            Index(fields=("instance_id", "pending")),
            Index(fields=("instance_id", "bot_key")),
            Index(fields=("image",)),
        )


class Person(Model):
    """Somebody whom a bot knows, as the launcher keeps it."""

    seq = fields.BigIntField(
        primary_key=True, description="order of creation, and the number in the search index"
    )
    id = fields.CharField(max_length=40, unique=True, description="40 lower-case hex digits")
    instance_id = fields.CharField(max_length=40)
    user_id = fields.CharField(
        max_length=64, description="the platform's number or name, unique in its instance"
    )
    username = fields.CharField(max_length=128)
    nickname = fields.CharField(max_length=128)
    avatar_url = fields.CharField(max_length=2048)
    profile = fields.TextField(description="JSON: an object")
    search = fields.TextField(
        description="what a search looks into, folded as store.words does, empty: hidden"
    )
    created_at = fields.BigIntField(description="milliseconds since 1970")
    updated_at = fields.BigIntField(description="milliseconds since 1970")
    origin = fields.CharField(max_length=8, default="user", description="who made it: user or bot")
    bot_key: fields.Field[str | None] = fields.CharField(
        max_length=255, null=True, description="what the bot's own database knows it by"
    )
    pending = fields.CharField(
        max_length=8,
        default="",
        description="what the bot has still to be told: add, update, delete or nothing, gone: hidden here and kept by the bot",
    )
    aside = fields.TextField(
        null=True,
        description="JSON, of a row that was deleted and can be restored (`pending` is `aside` then): what to restore, and until when",
    )

    class Meta:
        table = "person"
        unique_together = (("instance_id", "user_id"),)
        indexes = (
            Index(fields=("instance_id", "seq")),
            Index(fields=("instance_id", "pending")),
            Index(fields=("instance_id", "bot_key")),
        )


class Learned(Model):
    """What a bot's own database said of an emoji or a person when it was last read. It tells the bot's changes from ours."""

    id = fields.BigIntField(primary_key=True)
    instance: fields.ForeignKeyRelation[Instance] = fields.ForeignKeyField(
        "store.Instance", related_name="learned", on_delete=fields.CASCADE
    )
    kind = fields.CharField(max_length=8, description="emoji or person")
    key = fields.CharField(max_length=255, description="what the bot's own database knows it by")
    said = fields.TextField(description="JSON: the columns that mean the same in every version")
    at = fields.BigIntField(description="milliseconds since 1970: when it was last seen")

    class Meta:
        table = "learned"
        unique_together = (("instance", "kind", "key"),)
        indexes = (Index(fields=("instance_id", "kind", "at")),)


class Sync(Model):
    """How the last sync of an instance with its bot's database went."""

    id = fields.IntField(primary_key=True)
    instance: fields.ForeignKeyRelation[Instance] = fields.ForeignKeyField(
        "store.Instance", related_name="syncs", on_delete=fields.CASCADE
    )
    at = fields.BigIntField(description="milliseconds since 1970: when it ended")
    zh = fields.TextField(null=True, description="why it failed, in Chinese, unless it did not")
    en = fields.TextField(null=True, description="the same in English")

    class Meta:
        table = "sync"
        unique_together = (("instance",),)


class SshKey(Model):
    """A public key that may log in over SSH, or one whose certificates may."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=32, unique=True)
    key = fields.TextField(description="type and base64, as in a .pub file")
    fingerprint = fields.CharField(max_length=64, unique=True, description="SHA256:...")
    authority = fields.BooleanField(description="whether it signs certificates instead of logging in itself")
    principals = fields.TextField(
        description="JSON: of an authority, the names of which a certificate needs one"
    )
    scope = fields.CharField(max_length=16, description="read, operate or admin")
    instances = fields.TextField(null=True, description="JSON: ids of the instances that it is limited to")
    added_at = fields.BigIntField(description="milliseconds since 1970")
    used_at: fields.Field[int | None] = fields.BigIntField(
        null=True, description="milliseconds since 1970: the last login"
    )
    used_from: fields.Field[str | None] = fields.CharField(
        max_length=64, null=True, description="the address of the last login"
    )

    class Meta:
        table = "ssh_key"
