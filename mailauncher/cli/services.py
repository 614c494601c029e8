"""One service of an instance, started and stopped over GraphQL: REST has no route that stops one."""

from mailauncher.cli.remote import Instance, Refused, Remote
from mailauncher.errors import Code

_START = "mutation ($input: StartServiceInput!) { command: startService(input: $input) { message } }"
_STOP = "mutation ($input: StopServiceInput!) { command: stopService(input: $input) { message } }"


def start_service(remote: Remote, instance: Instance, name: str) -> str:
    """The server's sentence about it. Raises Refused, ConnectionFailed."""
    return _command(remote, _START, instance, name)


def stop_service(remote: Remote, instance: Instance, name: str) -> str:
    return _command(remote, _STOP, instance, name)


def restart_service(remote: Remote, instance: Instance, name: str) -> str:
    """Stops it if it runs, then starts it."""
    try:
        stop_service(remote, instance, name)
    except Refused as error:
        if error.code != Code.INSTANCE_NOT_RUNNING:
            raise
    return start_service(remote, instance, name)


def _command(remote: Remote, operation: str, instance: Instance, name: str) -> str:
    answer = remote.graphql(operation, input={"instanceId": instance.id, "name": name})
    return str(answer["command"]["message"])
