"""The response of a command that has nothing to return but a message."""

import msgspec

from mailauncher.errors import Text
from rest.operation import Call
from rest.values import Message, Success


class Done(msgspec.Struct):
    """The command was carried out, or is still in progress if the message says so."""

    success: Success
    message: Message


def done(message: Text, call: Call) -> Done:
    return Done(True, message.in_language(call.language))
