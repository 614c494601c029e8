from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("store", "0010_aside")]

    initial = False

    operations = [
        ops.CreateModel(
            name="SshKey",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=32)),
                ("key", fields.TextField(description="type and base64, as in a .pub file", unique=False)),
                ("fingerprint", fields.CharField(unique=True, description="SHA256:...", max_length=64)),
                (
                    "authority",
                    fields.BooleanField(
                        description="whether it signs certificates instead of logging in itself"
                    ),
                ),
                (
                    "principals",
                    fields.TextField(
                        description="JSON: of an authority, the names of which a certificate needs one",
                        unique=False,
                    ),
                ),
                ("scope", fields.CharField(description="read, operate or admin", max_length=16)),
                (
                    "instances",
                    fields.TextField(
                        null=True,
                        description="JSON: ids of the instances that it is limited to",
                        unique=False,
                    ),
                ),
                ("added_at", fields.BigIntField(description="milliseconds since 1970")),
                (
                    "used_at",
                    fields.BigIntField(null=True, description="milliseconds since 1970: the last login"),
                ),
                (
                    "used_from",
                    fields.CharField(null=True, description="the address of the last login", max_length=64),
                ),
            ],
            options={
                "table": "ssh_key",
                "app": "store",
                "pk_attr": "id",
                "table_description": "A public key that may log in over SSH, or one whose certificates may.",
            },
            bases=["Model"],
        ),
    ]
