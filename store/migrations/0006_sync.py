from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("store", "0004_resources")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Learned",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "instance",
                    fields.ForeignKeyField(
                        "store.Instance",
                        source_field="instance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="learned",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("kind", fields.CharField(description="emoji or person", max_length=8)),
                (
                    "key",
                    fields.CharField(description="what the bot's own database knows it by", max_length=255),
                ),
                (
                    "said",
                    fields.TextField(
                        description="JSON: the columns that mean the same in every version", unique=False
                    ),
                ),
                ("at", fields.BigIntField(description="milliseconds since 1970: when it was last seen")),
            ],
            options={
                "table": "learned",
                "app": "store",
                "unique_together": (("instance", "kind", "key"),),
                "indexes": [Index(fields=["instance_id", "kind", "at"])],
                "pk_attr": "id",
                "table_description": "What a bot's own database said of an emoji or a person when it was last read. It tells the bot's changes from ours.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Sync",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "instance",
                    fields.ForeignKeyField(
                        "store.Instance",
                        source_field="instance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="syncs",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("at", fields.BigIntField(description="milliseconds since 1970: when it ended")),
                (
                    "zh",
                    fields.TextField(
                        null=True, description="why it failed, in Chinese, unless it did not", unique=False
                    ),
                ),
                ("en", fields.TextField(null=True, description="the same in English", unique=False)),
            ],
            options={
                "table": "sync",
                "app": "store",
                "unique_together": (("instance",),),
                "pk_attr": "id",
                "table_description": "How the last sync of an instance with its bot's database went.",
            },
            bases=["Model"],
        ),
    ]
