"""`web`: the web pages of a bot and its services, and how to log in there."""

import typer

from cli.client import AsJson, Token, Url, connect, find_all
from cli.console import console_of, print_json
from cli.instances import Names
from cli.language import described
from mailauncher.errors import Text

_LOGINS = "{ instances { id name webPages { program url token } } }"
_HEADINGS = (Text("实例", "INSTANCE"), Text("程序", "PROGRAM"), Text("地址", "URL"), Text("令牌", "TOKEN"))


@described(
    "列出实例的网页：MaiBot 的 WebUI 与 NapCat 的页面，以及登录用的令牌。令牌是机密。\n\n地址是服务器所在机器上的：从别的机器访问须转发该端口。",
    "List the web pages of instances, MaiBot's WebUI and NapCat's page, with the tokens to log in. The tokens are secrets.\n\nThe addresses are those on the server's own machine: forward the port to use them from another one.",
)
def web(
    context: typer.Context,
    names: Names = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client, console = connect(context, url, token), console_of(context)
    wanted = {instance.id for instance in find_all(client.instances(), names)} if names else None
    found = [
        {"instance": instance["name"], **page}
        for instance in client.graphql(_LOGINS)["instances"]
        if wanted is None or instance["id"] in wanted
        for page in instance["webPages"]
    ]
    if as_json:
        print_json(found)
    elif found:
        rows = [(page["instance"], page["program"], page["url"], page["token"] or "-") for page in found]
        print(console.table(_HEADINGS, rows))
    else:
        console.note(
            "没有网页：没有实例的配置文件写明网页的端口",
            "No web pages: no configuration file of an instance names the port of one",
        )
