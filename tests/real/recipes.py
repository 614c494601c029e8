"""The shipped recipes on other ports, and the real bot kept at home."""

from pathlib import Path

from bots.catalogue import SHIPPED
from tests.support.deployable import on_other_ports


def write_recipes(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("maibot", "nonebot-ada", "napcat"):
        text = (SHIPPED / f"{name}.toml").read_text("utf-8")
        text = at_home(text) if name == "maibot" else text
        (folder / f"{name}.toml").write_text(on_other_ports(text), "utf-8")


def at_home(recipe: str) -> str:
    """The bot's recipe with its telemetry off, and every other host behind a proxy that does not exist: its tests are no
    business of anybody's servers."""
    nowhere = ", ".join(
        f'{name} = "http://127.0.0.1:9"' for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    )
    changes = {
        'env = { MAIBOT_WORKER_PROCESS = "1" }': f'env = {{ MAIBOT_WORKER_PROCESS = "1", NO_PROXY = "127.0.0.1,localhost", {nowhere} }}',
        'template = "template/bot_config_template.toml"\n': 'template = "template/bot_config_template.toml"\nset = { "telemetry.enable" = false }\n',
        'set = { "maim_message.ws_server_port"': 'set = { "telemetry.enable" = false, "maim_message.ws_server_port"',
    }
    for old, new in changes.items():
        assert old in recipe
        recipe = recipe.replace(old, new)
    return recipe
