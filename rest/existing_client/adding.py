"""Adding and deploying an instance in the format of that client.

It sends one fixed command for its adapter regardless of the folder's content, and calls the adapter `napcat-ada`.
"""

import re
from typing import Annotated, Any

import msgspec

from bots import run_command
from mailauncher.errors import InvalidParameter
from resolvers.instances import NewInstance, NewService
from rest.field_docs import about

ADAPTER = "nonebot-ada"
CLIENT_ADAPTER = "napcat-ada"


class ClientService(msgspec.Struct, kw_only=True):
    """A service to add or to deploy; a deployed one has the folder and the command of its recipe."""

    name: Annotated[str, about("服务名称；napcat-ada 即适配器。", "Name; `napcat-ada` means the adapter.")]
    path: Annotated[str | None, about("服务的文件夹。", "Folder; null: the folder of the same name.")] = None
    port: Annotated[
        int | None, about("服务的端口。", "Port; null: the one in its configuration, else its usual one.")
    ] = None
    run_cmd: Annotated[
        str | None,
        about(
            f"运行命令，最多 {run_command.LIMIT} 个字符。",
            f"Command that runs it, at most {run_command.LIMIT} characters; null: the one of its recipe.",
        ),
    ] = None

    def as_new(self) -> NewService:
        return _named(
            self.name, path=self.path or None, port=self.port, run_command=own_interpreter(self.run_cmd)
        )


def deployable(service: str | ClientService) -> NewService:
    """A service to deploy. That client also sends a folder and a command, which the recipe overrides."""
    return _named(service) if isinstance(service, str) else _named(service.name, port=service.port)


def _named(name: str, **given: Any) -> NewService:
    """A service by the name that the client gives it. It looks for that name in the list of instances, to show its tab."""
    if name == CLIENT_ADAPTER:
        return NewService(ADAPTER, alias=CLIENT_ADAPTER, **given)
    return NewService(name, **given)


class ClientInstance(msgspec.Struct, kw_only=True):
    """An existing folder to add, in the format of the existing web client."""

    instance_name: Annotated[str, about("实例名称。", "Name of the instance.")]
    port: Annotated[int, about("主程序的端口，1-65535。", "Port of the main program, 1-65535.")]
    maibot_path: Annotated[str | None, about("MaiBot 的文件夹。", "Folder of MaiBot.")] = None
    install_path: Annotated[str | None, about("同 maibot_path。", "Same as `maibot_path`.")] = None
    adapter_path: Annotated[
        str | None,
        about("适配器的文件夹，如未列在服务中。", "Folder of the adapter, if no service is listed."),
    ] = None
    install_services: Annotated[
        list[ClientService] | None,
        about("服务；缺少时查找文件夹中已有的。", "Services; absent: those found in the folder."),
    ] = None
    version: Annotated[str | None, about("不使用：以文件夹为准。", "Ignored: read from the folder.")] = None
    host: Annotated[str | None, about("不使用。", "Ignored.")] = None
    token: Annotated[str | None, about("不使用。", "Ignored.")] = None

    def as_new(self) -> NewInstance:
        """Raises InvalidParameter when neither key names the folder."""
        path = self.maibot_path or self.install_path
        if not path:
            raise InvalidParameter("缺少字段 maibot_path", "Missing field maibot_path", field="maibot_path")
        return NewInstance(name=self.instance_name, path=path, port=self.port, services=self._services())

    def _services(self) -> tuple[NewService, ...] | None:
        if self.install_services:
            return tuple(service.as_new() for service in self.install_services)
        if self.adapter_path:
            return (_named(CLIENT_ADAPTER, path=self.adapter_path),)
        return None if self.install_services is None else ()


def own_interpreter(command: str | None) -> str | None:
    """In `python main.py`, which that client sends for every folder, `python` means the folder's own interpreter."""
    return re.sub(r"\Apython3?(?=\s)", "{python}", command.strip()) if command else None
