# ruff: noqa: N999, RUF012 - as Tortoise writes them
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]
    operations = [
        ops.AddField("Instance", "note", fields.TextField(null=True)),
        ops.RunSQL("INSERT INTO no_such_table VALUES (1)"),
    ]
