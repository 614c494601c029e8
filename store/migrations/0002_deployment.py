from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Deployment",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "instance_id",
                    fields.CharField(description="kept after the instance is gone", max_length=40),
                ),
                ("kind", fields.CharField(description="deploy, clone or upgrade", max_length=16)),
                (
                    "status",
                    fields.CharField(
                        description="pending, installing, completed, failed or cancelled", max_length=16
                    ),
                ),
                ("name", fields.CharField(description="the instance's name", max_length=64)),
                (
                    "version",
                    fields.CharField(description="the tag or branch that was resolved", max_length=128),
                ),
                (
                    "commit",
                    fields.CharField(description="what was checked out, empty until it was", max_length=64),
                ),
                (
                    "start",
                    fields.BooleanField(description="whether the instance is to be started at the end"),
                ),
                ("created_at", fields.BigIntField(description="milliseconds since 1970")),
                ("ended_at", fields.BigIntField(null=True, description="milliseconds since 1970")),
                (
                    "seconds",
                    fields.TextField(
                        null=True, description="JSON: how long each step took, by its name", unique=False
                    ),
                ),
            ],
            options={
                "table": "deployment",
                "app": "store",
                "indexes": [Index(fields=["instance_id", "id"])],
                "pk_attr": "id",
                "table_description": "A deployment, clone or upgrade of an instance, of which the newest one counts.",
            },
            bases=["Model"],
        ),
    ]
