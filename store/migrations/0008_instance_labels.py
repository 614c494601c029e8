from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("store", "0007_service_alias")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Instance",
            name="notes",
            field=fields.TextField(null=True, description="what its owners want to remember", unique=False),
        ),
        ops.AddField(
            model_name="Instance",
            name="tags",
            field=fields.TextField(
                null=True, description="JSON: a list of words to group it by", unique=False
            ),
        ),
    ]
