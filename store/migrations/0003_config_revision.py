from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("store", "0002_deployment")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ConfigRevision",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "instance",
                    fields.ForeignKeyField(
                        "store.Instance",
                        source_field="instance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="config_revisions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("file", fields.CharField(description="its name, such as bot or env", max_length=64)),
                (
                    "at",
                    fields.BigIntField(
                        description="milliseconds since 1970: when it was written, or noticed"
                    ),
                ),
                (
                    "caller",
                    fields.CharField(
                        description="who asked: a front door, or nobody that is known", max_length=64
                    ),
                ),
                ("source", fields.CharField(description="api, disk, restore or deploy", max_length=8)),
                (
                    "hash",
                    fields.CharField(description="names the content, as its ETag does", max_length=32),
                ),
                ("size", fields.IntField(description="bytes")),
                ("content", fields.BinaryField(description="the bytes of the file")),
            ],
            options={
                "table": "config_revision",
                "app": "store",
                "indexes": [Index(fields=["instance_id", "file", "id"])],
                "pk_attr": "id",
                "table_description": "What a configuration file held at a moment. The newest of a file is what it held when it was last looked at.",
            },
            bases=["Model"],
        ),
    ]
