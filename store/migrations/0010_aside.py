from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("store", "0009_event_place")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Emoji",
            name="aside",
            field=fields.TextField(
                null=True,
                description="JSON, of a row that was deleted and can be restored (`pending` is `aside` then): what to restore, and until when",
                unique=False,
            ),
        ),
        ops.AddField(
            model_name="Person",
            name="aside",
            field=fields.TextField(
                null=True,
                description="JSON, of a row that was deleted and can be restored (`pending` is `aside` then): what to restore, and until when",
                unique=False,
            ),
        ),
    ]
