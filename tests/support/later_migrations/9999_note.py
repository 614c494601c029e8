# ruff: noqa: N999, RUF012 - as Tortoise writes them
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from tests.support.later_migrations import NEWEST


class Migration(migrations.Migration):
    dependencies = [("store", NEWEST)]
    operations = [ops.AddField("Instance", "note", fields.TextField(null=True))]
