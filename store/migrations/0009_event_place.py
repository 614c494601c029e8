from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("store", "0008_instance_labels")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Event",
            name="offset",
            field=fields.BigIntField(null=True, description="the end of what that program had printed"),
        ),
        ops.AddField(
            model_name="Event",
            name="session_id",
            field=fields.CharField(
                null=True, description="the terminal whose program has died", max_length=128
            ),
        ),
    ]
