from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Event",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.BigIntField(description="milliseconds since 1970")),
                (
                    "instance_id",
                    fields.CharField(null=True, description="kept after the instance is gone", max_length=40),
                ),
                ("kind", fields.CharField(max_length=32)),
                (
                    "caller",
                    fields.CharField(
                        description="who asked: a front door, or the supervisor itself", max_length=64
                    ),
                ),
                ("zh", fields.TextField(description="the sentence in Chinese", unique=False)),
                ("en", fields.TextField(description="the sentence in English", unique=False)),
            ],
            options={
                "table": "event",
                "app": "store",
                "indexes": [Index(fields=["instance_id", "id"])],
                "pk_attr": "id",
                "table_description": "One thing that happened in the launcher's life: who did what to which instance, and why a bot died.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Instance",
            fields=[
                (
                    "id",
                    fields.CharField(
                        primary_key=True,
                        unique=True,
                        db_index=True,
                        description="40 lower-case hex digits",
                        max_length=40,
                    ),
                ),
                ("name", fields.CharField(unique=True, max_length=64)),
                (
                    "path",
                    fields.CharField(unique=True, description="absolute, links resolved", max_length=4096),
                ),
                ("port", fields.IntField()),
                ("version", fields.CharField(max_length=128)),
                ("installed_at", fields.BigIntField(description="milliseconds since 1970")),
                (
                    "recipe",
                    fields.CharField(description="name of the recipe that says how to run it", max_length=64),
                ),
                (
                    "run_command",
                    fields.TextField(
                        null=True, description="run instead of the recipe's command, as typed", unique=False
                    ),
                ),
                (
                    "wanted",
                    fields.BooleanField(default=False, description="whether the user wants it to run"),
                ),
                (
                    "supervision",
                    fields.TextField(
                        null=True,
                        description="JSON: how its programs are looked after, where that differs from the default",
                        unique=False,
                    ),
                ),
            ],
            options={
                "table": "instance",
                "app": "store",
                "pk_attr": "id",
                "table_description": "One managed bot. Its status is no column: the process says what it does.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Service",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "instance",
                    fields.ForeignKeyField(
                        "store.Instance",
                        source_field="instance_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="services",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("name", fields.CharField(max_length=64)),
                ("path", fields.CharField(max_length=4096)),
                ("port", fields.IntField()),
                (
                    "run_command",
                    fields.TextField(
                        null=True, description="run instead of the recipe's command, as typed", unique=False
                    ),
                ),
                (
                    "wanted",
                    fields.BooleanField(default=False, description="whether the user wants it to run"),
                ),
            ],
            options={
                "table": "service",
                "app": "store",
                "unique_together": (("instance", "name"),),
                "pk_attr": "id",
                "table_description": "A companion of an instance: NapCat, the adapter, or whatever the catalogue adds.",
            },
            bases=["Model"],
        ),
    ]
