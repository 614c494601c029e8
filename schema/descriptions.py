"""Descriptions, and described arguments, that several nouns share."""

from typing import Annotated

import strawberry

from bots import run_command
from mailauncher.names import NAME_LENGTH
from resolvers import instances, validation

LANGUAGE = "in the language of `Accept-Language`"
MESSAGE = f"Message for people, {LANGUAGE}."
COMPLETE = (
    f"Whether the command is complete. False: it takes longer than {instances.RESPONSE_S} s and continues in the "
    "background; `instanceChanged` reports its end."
)
INSTANCE_ID = "Id of the instance."
OWNER = "Id of the instance it belongs to."
NAME = (
    f"1-{NAME_LENGTH} characters: letters of any script, digits, `-`, `_`, `.` and space (not at either end). "
    "Unique."
)
NOTES = "What its owners want to remember; empty if there is nothing."
TAGS = "Words to group it by."
NEW_FOLDER = (
    "Folder that does not exist or is empty: an absolute path, or one that begins with `~`, the workspace."
)
RUN_COMMAND = (
    f"Command that runs it, at most {run_command.LIMIT} characters, split as in a shell but not run by one. Null: the one of "
    "its recipe."
)
VERSION = "One of `deployVersions`: a tag, a branch, or `latest`, the newest stable tag."
RESOURCE_ID = "40 lower-case hexadecimal digits, the same as in REST."
ALL_OR_NONE = f"1-{validation.LIMIT} items. Either all are processed or none."
FROM_BOT = (
    "Whether to delete it from the bot's database too, if it came from there. False: it is only removed here, and does not "
    "reappear."
)
UNDOABLE = "Whether it can be undone for a while: {} brings back what it was within `undoableForS`. The bot is told after that."
UNDOABLE_FOR_S = "Seconds from now on in which it can be undone. Null: not at all."
UNCHANGED = "Null: unchanged."
RESOURCE_ETAG = (
    "Identifies what can be changed of it. Pass it as `ifMatch` to change only what you have seen."
)
RESOURCE_IF_MATCH = (
    "The `etag` that it must have, else `CONFLICT`. Null: the change is applied to whatever is there."
)
CURSOR = "Pass it as `after` to continue after this item."

InstanceId = Annotated[strawberry.ID, strawberry.argument(description=INSTANCE_ID)]
