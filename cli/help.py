"""The help of the program: its commands in groups, and examples of each command."""

from typing import Any, ClassVar

from typer.core import TyperGroup

from mailauncher.errors import Text

EXAMPLES: dict[str, tuple[str, ...]] = {
    "serve": ("serve", "serve --port 8080 --data /srv/mailauncher"),
    "service": ("service install", "service status", "service remove"),
    "service install": ("service install",),
    "service remove": ("service remove",),
    "service status": ("service status",),
    "demo": ("demo", "demo --keep ~/demo"),
    "deploy": (
        "deploy mai-1 --start",
        "deploy mai-2 --version 0.12.3 --service napcat --service nonebot-ada",
    ),
    "ls": ("ls", "ls --json"),
    "start": ("start mai-1 mai-2", "start mai-1 --service napcat", "start --all --ready"),
    "stop": ("stop mai-1", "stop --all --no-wait"),
    "restart": ("restart mai-1", "restart mai-1 --service napcat"),
    "kill": ("kill mai-1", "kill mai-1 --service napcat"),
    "logs": (
        "logs mai-1 -f",
        "logs mai-1 -t napcat -n 100",
        "logs mai-1 --grep 'timed? out' -i --since 2h -C 3",
        "logs --all --grep . --level error",
    ),
    "attach": ("attach mai-1", "attach mai-1 -t napcat"),
    "web": ("web", "web mai-1"),
    "config": (
        "config ls mai-1",
        "config show mai-1 bot",
        "config set mai-1 bot bot.nickname Mai",
        "config diff mai-1 bot",
    ),
    "database": ("database copy ~/.local/share/mailauncher postgres://mailauncher@localhost/mailauncher",),
    "database copy": (
        "database copy ~/.local/share/mailauncher postgres://mailauncher@localhost/mailauncher",
        "database copy postgres://mailauncher@localhost/mailauncher ~/.local/share/mailauncher --replace",
    ),
    "config ls": ("config ls mai-1",),
    "config show": ("config show mai-1 bot", "config show mai-1 bot --json"),
    "config get": ("config get mai-1 bot bot.nickname", "config get mai-1 env PORT"),
    "config set": (
        "config set mai-1 bot bot.nickname Mai",
        "config set mai-1 adapter chat.group_list '[12345]'",
        "config set mai-1 env PORT 8001",
    ),
    "config unset": ("config unset mai-1 bot bot.nickname",),
    "config edit": ("config edit mai-1 bot",),
    "config history": ("config history mai-1 bot",),
    "config diff": (
        "config diff mai-1 bot",
        "config diff mai-1 bot 12",
        "config diff mai-1 bot --since-start",
    ),
    "config restore": ("config restore mai-1 bot 12",),
    "config port": ("config port mai-1", "config port mai-1 main=8010 webui=8011"),
    "edit": ("edit mai-1 --name mai-2", "edit mai-1 --notes 'QQ 10001' --tag test --tag groups"),
    "add": (
        "add ~/MaiBot-1",
        "add ~/MaiBot-1 --name mai-1 --port 8001",
        "add ~/my-bot --run ./start.sh --port 8002",
    ),
    "rm": ("rm mai-1 mai-2", "rm mai-1 --files --yes"),
    "versions": ("versions", "versions --refresh"),
    "deployments": ("deployments", "deployments --all"),
    "follow": ("follow mai-1",),
    "cancel": ("cancel mai-1",),
    "retry": ("retry mai-1",),
    "terms": ("terms mai-1", "terms --version 1.2.1"),
    "accept": ("accept mai-1",),
    "upgrade": ("upgrade mai-1", "upgrade mai-1 --version 1.2.1"),
    "rollback": ("rollback mai-1",),
    "clone": ("clone mai-1 mai-2", "clone mai-1 mai-2 --backup 20261201T120000000Z-manual"),
    "backup": ("backup mai-1",),
    "backups": ("backups mai-1", "backups mai-1 --delete 20260102T030405678Z-manual"),
    "restore": ("restore mai-1 20260102T030405678Z-manual",),
    "emoji": ("emoji ls mai-1", "emoji add mai-1 cat.png"),
    "emoji ls": ("emoji ls mai-1", "emoji ls mai-1 cat --tag happy"),
    "emoji add": ("emoji add mai-1 cat.png dog.gif --tag happy",),
    "emoji rm": ("emoji rm mai-1 cat",),
    "person": ("person ls mai-1", "person export mai-1 persons.csv"),
    "person ls": ("person ls mai-1", "person ls mai-1 alice"),
    "person import": ("person import mai-1 persons.csv --existing update",),
    "person export": ("person export mai-1 persons.jsonl", "person export mai-1 --format csv"),
    "disk": ("disk", "disk mai-1 --drop former"),
    "sync": ("sync mai-1", "sync mai-1 --status"),
    "settings": ("settings", "settings --json"),
    "ssh": ("ssh add me ~/.ssh/id_ed25519.pub", "ssh ls", "ssh host-key"),
    "ssh ls": ("ssh ls", "ssh ls --json"),
    "ssh add": (
        "ssh add me ~/.ssh/id_ed25519.pub --scope admin",
        "ssh add guest guest.pub --scope read --instance mai-1",
        "ssh add company ca.pub --authority mailauncher",
    ),
    "ssh edit": ("ssh edit guest --scope operate", "ssh edit guest --instance mai-1 --instance mai-2"),
    "ssh rm": ("ssh rm guest",),
    "ssh host-key": ("ssh host-key --host bots.example",),
    "schema": ("schema", "schema --rest"),
    "doctor": ("doctor",),
}
"""Command lines, without the name of the program, for each command."""
EXAMPLES_HEADING = Text("示例：", "Examples:")


class SectionedGroup(TyperGroup):
    """A group whose help lists its commands under headings, each with the whole first sentence of its help."""

    sections: ClassVar[dict[str, list[str]]]

    def format_commands(self, _context: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{name:<{width}}", _summary(self.commands[name].help or "")) for name in names]
                )


def _summary(text: str) -> str:
    """The first sentence, without its full stop."""
    line = text.splitlines()[0]
    return line.partition(". ")[0].partition("。")[0].removesuffix(".")


def add_examples(command: Any, heading: str, path: str = "") -> None:
    """Puts the examples below the help of each command. Raises KeyError for a command without any."""
    if path:
        # After \\b the formatter of help leaves the line breaks of a paragraph as they are.
        command.epilog = "\n".join(("\b", heading, *(f"  mailauncher {line}" for line in EXAMPLES[path])))
    for name, sub_command in getattr(command, "commands", {}).items():
        add_examples(sub_command, heading, f"{path} {name}".strip())
