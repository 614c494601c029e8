from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index


async def index(_apps: Any, editor: Any) -> None:
    """What makes searches fast: one table of words for each kind, which the search index of the database writes."""
    if editor.client.capabilities.dialect == "sqlite":
        # The words are made of letters and of characters beyond ASCII, so this tokenizer leaves them whole. A prefix of
        # 13 or 14 characters is the scope (12) with one or two characters of a text.
        for table in ("emoji", "person"):
            await editor._run_sql(
                f"CREATE VIRTUAL TABLE {table}_words USING fts5"
                "(words, content='', columnsize=0, tokenize='ascii', prefix='13 14')"
            )
            await editor._run_sql(
                f"CREATE VIRTUAL TABLE {table}_vocabulary USING fts5vocab({table}_words, 'row')"
            )
    else:
        for table in ("emoji", "person"):
            # For each word and each 1,024 rows the rows that have it. Room is left in each page, so that a change of the bits
            # stays in it and needs no entry in the index.
            await editor._run_sql(
                f"CREATE TABLE {table}_words (word bigint, block bigint, members bit(1024) NOT NULL, "
                "PRIMARY KEY (word, block)) WITH (fillfactor = 70)"
            )


async def forget(_apps: Any, editor: Any) -> None:
    for table in ("emoji", "person"):
        if editor.client.capabilities.dialect == "sqlite":
            await editor._run_sql(f"DROP TABLE {table}_vocabulary")
        await editor._run_sql(f"DROP TABLE {table}_words")


class Migration(migrations.Migration):
    dependencies = [("store", "0003_config_revision")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Emoji",
            fields=[
                (
                    "seq",
                    fields.BigIntField(
                        generated=True,
                        primary_key=True,
                        unique=True,
                        db_index=True,
                        description="order of creation, and the number in the search index",
                    ),
                ),
                ("id", fields.CharField(unique=True, description="40 lower-case hex digits", max_length=40)),
                ("instance_id", fields.CharField(max_length=40)),
                ("name", fields.CharField(description="unique in its instance", max_length=64)),
                ("description", fields.TextField(unique=False)),
                ("tags", fields.TextField(description="JSON: a list of texts", unique=False)),
                ("category", fields.CharField(max_length=64)),
                (
                    "image",
                    fields.CharField(
                        description="name of its file: SHA-256 of the content and ending", max_length=72
                    ),
                ),
                (
                    "search",
                    fields.TextField(
                        description="what a search looks into, folded as store.words does, empty: hidden",
                        unique=False,
                    ),
                ),
                ("created_at", fields.BigIntField(description="milliseconds since 1970")),
                ("updated_at", fields.BigIntField(description="milliseconds since 1970")),
                (
                    "origin",
                    fields.CharField(default="user", description="who made it: user or bot", max_length=8),
                ),
                (
                    "bot_key",
                    fields.CharField(
                        null=True, description="what the bot's own database knows it by", max_length=255
                    ),
                ),
                (
                    "pending",
                    fields.CharField(
                        default="",
                        description="what the bot has still to be told: add, update, delete or nothing, gone: hidden here and kept by the bot",
                        max_length=8,
                    ),
                ),
            ],
            options={
                "table": "emoji",
                "app": "store",
                "unique_together": (("instance_id", "name"),),
                "indexes": [
                    Index(fields=["instance_id", "seq"]),
                    Index(fields=["instance_id", "pending"]),
                    Index(fields=["instance_id", "bot_key"]),
                    Index(fields=["image"]),
                ],
                "pk_attr": "seq",
                "table_description": "A picture that a bot may send, as the launcher keeps it. Its file lies in the data folder by content hash.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Person",
            fields=[
                (
                    "seq",
                    fields.BigIntField(
                        generated=True,
                        primary_key=True,
                        unique=True,
                        db_index=True,
                        description="order of creation, and the number in the search index",
                    ),
                ),
                ("id", fields.CharField(unique=True, description="40 lower-case hex digits", max_length=40)),
                ("instance_id", fields.CharField(max_length=40)),
                (
                    "user_id",
                    fields.CharField(
                        description="the platform's number or name, unique in its instance", max_length=64
                    ),
                ),
                ("username", fields.CharField(max_length=128)),
                ("nickname", fields.CharField(max_length=128)),
                ("avatar_url", fields.CharField(max_length=2048)),
                ("profile", fields.TextField(description="JSON: an object", unique=False)),
                (
                    "search",
                    fields.TextField(
                        description="what a search looks into, folded as store.words does, empty: hidden",
                        unique=False,
                    ),
                ),
                ("created_at", fields.BigIntField(description="milliseconds since 1970")),
                ("updated_at", fields.BigIntField(description="milliseconds since 1970")),
                (
                    "origin",
                    fields.CharField(default="user", description="who made it: user or bot", max_length=8),
                ),
                (
                    "bot_key",
                    fields.CharField(
                        null=True, description="what the bot's own database knows it by", max_length=255
                    ),
                ),
                (
                    "pending",
                    fields.CharField(
                        default="",
                        description="what the bot has still to be told: add, update, delete or nothing, gone: hidden here and kept by the bot",
                        max_length=8,
                    ),
                ),
            ],
            options={
                "table": "person",
                "app": "store",
                "unique_together": (("instance_id", "user_id"),),
                "indexes": [
                    Index(fields=["instance_id", "seq"]),
                    Index(fields=["instance_id", "pending"]),
                    Index(fields=["instance_id", "bot_key"]),
                ],
                "pk_attr": "seq",
                "table_description": "Somebody whom a bot knows, as the launcher keeps it.",
            },
            bases=["Model"],
        ),
        ops.RunPython(index, forget),
    ]
