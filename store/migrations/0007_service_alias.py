from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields


class Migration(migrations.Migration):
    dependencies = [("store", "0006_sync")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Service",
            name="alias",
            field=fields.CharField(
                null=True,
                description="what the existing web client calls it, where that is another name",
                max_length=64,
            ),
        ),
    ]
