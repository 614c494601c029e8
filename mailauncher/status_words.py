"""What a program does, in words: its state, or what one that is on its way waits for."""

from enum import Enum, auto

from mailauncher.errors import Text

STATES = {
    "running": Text("运行中", "running"),
    "stopped": Text("已停止", "stopped"),
    "starting": Text("正在启动", "starting"),
    "stopping": Text("正在停止", "stopping"),
    "installing": Text("正在安装", "installing"),
    "failed": Text("出错", "failed"),
}
_WAITS = {
    "input": Text("等待回答", "waiting for input"),
    "login": Text("等待登录", "waiting for log-in"),
    "terms": Text("等待接受条款", "waiting for terms"),
    "backoff": Text("等待重启", "waiting to restart"),
}
"""Instead of the state: what somebody has to do, or that it does not run just now. The state of a stopped one stays."""
_NOT_READY = Text("运行中（未就绪）", "running (not ready)")


class Mood(Enum):
    """How a status is to be taken, for colours."""

    GOOD = auto()
    WAITING = auto()
    BAD = auto()
    NONE = auto()


_MOODS = {
    "running": Mood.GOOD,
    "starting": Mood.WAITING,
    "stopping": Mood.WAITING,
    "installing": Mood.WAITING,
    "failed": Mood.BAD,
}


def describe(status: str, ready: bool | None, waiting_for: str | None) -> tuple[Text, Mood]:
    """A status that is not known here is shown as it is."""
    if status in ("running", "starting") and waiting_for in _WAITS:
        return _WAITS[waiting_for], Mood.WAITING
    if status == "running" and ready is False:
        return _NOT_READY, Mood.WAITING
    return STATES.get(status, Text(status, status)), _MOODS.get(status, Mood.NONE)
