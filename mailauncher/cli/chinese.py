"""The help of the command line in Chinese, beside the English that stands with each command and option."""

from typing import Any

_TEXTS = {
    # The program
    "Deploys, starts, stops, watches and configures MaiBot chat bots.": "部署、启动、停止、监看和配置 MaiBot 聊天机器人。",
    "Print the version and leave.": "显示版本后退出。",
    "Language of messages; by default that of the locale.": "消息的语言；默认随区域设置。",
    "Install completion for the current shell.": "为当前 shell 安装命令补全。",
    "Show completion for the current shell, to copy it or customize the installation.": "显示当前 shell 的补全脚本。",
    "Show this message and exit.": "显示本帮助后退出。",
    # serve
    "Run the server in the foreground.\n\nPrints one line once it is ready. Ends with status 0 on Ctrl-C or SIGTERM. Bots"
    " run on, and the next server takes\nover, unless the setting stop_bots_at_exit is on; then a second signal kills"
    " them. `mailauncher settings` lists what\nelse can be set.": "在前台运行服务器。\n\n就绪后输出一行。收到 Ctrl-C 或 SIGTERM"
    " 时以状态 0 结束。Bot 继续运行，由下一个服务器接管；若打开了设置 stop_bots_at_exit，则先停止它们，再来一个信号便强行结束。"
    "其他可设置的内容见 `mailauncher settings`。",
    "Address to listen on instead of localhost.": "监听的地址，默认为 localhost。",
    "Port to listen on.": "监听的端口。",
    "Folder of everything that is stored.": "保存一切数据的文件夹。",
    "Folder where bots are deployed.": "部署 Bot 的文件夹。",
    "Least level logged to standard error.": "写到标准错误的最低日志级别。",
    # demo
    "Try it out: a server with a sample bot running.\n\nRuns until Ctrl-C, then leaves nothing behind: no process, and no"
    " file unless --keep is given.": "试用：一个运行着示例 Bot 的服务器。\n\n按 Ctrl-C 结束，不留下任何进程；除非给出 --keep，也不留下任何文件。",
    "Keep everything in this folder, and go on there the next time.": "把一切保存在这个文件夹里，下次接着用。",
    # Clients
    "Address of the server; by default that of the settings.": "服务器的地址；默认取自设置。",
    "The server's token; by default that of the settings. MAILAUNCHER_TOKEN keeps it out of the process"
    " list.": "服务器的口令；默认取自设置。用 MAILAUNCHER_TOKEN 设置则不会出现在进程列表里。",
    "Print JSON, for scripts.": "输出 JSON，供脚本使用。",
    "Names, ids or beginnings of ids.": "实例的名称、ID 或 ID 的开头，可以多个。",
    "Name, id or beginning of an id.": "实例的名称、ID 或 ID 的开头。",
    "Every instance that this makes sense for.": "所有适用的实例。",
    "Only this service of the instances, such as napcat.": "只针对实例的这个服务，如 napcat。",
    "List the instances of a running server.": "列出服务器上的实例。",
    "Start instances with their services, or one service of them.": "启动实例及其服务，或其中一个服务。",
    "Stop instances with their services, or one service of them.": "停止实例及其服务，或其中一个服务。",
    "Restart instances with their services, or one service of them; what is stopped is started.": "重启实例及其服务，或其中一个"
    "服务；已停止的会被启动。",
    # logs and attach
    "Show what a terminal printed.\n\nWith -f it goes on until Ctrl-C, also over a restart of the server, without losing or"
    " repeating anything. Where the\noutput is no terminal, colours and progress bars are left out.": "显示终端的输出。\n\n加上 -f 则持续"
    "显示，直到 Ctrl-C；服务器重启也不会丢失或重复内容。\n输出不是终端时，去掉颜色和进度条。",
    "Go on with what is printed next.": "持续显示之后的输出。",
    "The last N lines; by default the last 64 KiB.": "最后 N 行；默认为最后 64 KiB。",
    "Which terminal: main, napcat, nonebot-ada...": "哪个终端：main、napcat、nonebot-ada 等。",
    "Use a bot's terminal from this one. Ctrl-] leaves it; the bot goes on.\n\nEverything typed goes to the bot, Ctrl-C too."
    " While no bot runs there it is a shell in the bot's folder.": "在此使用 Bot 的终端。按 Ctrl-] 离开，Bot 继续运行。\n\n"
    "输入的一切都交给 Bot，包括 Ctrl-C。Bot 未运行时，那里是其文件夹中的 shell。",
    # add and rm
    "Manage a bot that stands in a folder already. Nothing in the folder is changed.": "管理一个已有文件夹中的 Bot，不改动其中的文件。",
    "The bot's folder, on the server's machine.": "Bot 的文件夹，在服务器所在的机器上。",
    "Its name; by default the folder's.": "实例名称；默认为文件夹名。",
    "The port on which the bot takes messages.": "Bot 接收消息的端口。",
    "Stop an instance and forget it. Its files stay, unless --files is given.": "停止并移除实例。除非给出 --files，文件都会保留。",
    "Also delete its folder, if MaiLauncher deployed it.": "同时删除其文件夹，仅限由 MaiLauncher 部署的。",
    "Do not ask.": "不询问。",
    # settings, schema, doctor
    "List every setting: its value, where that comes from, what it means. Secrets are masked.": "列出所有设置：值、来源、含义。口令"
    "不会显示。",
    "Print docs/configuration.md instead.": "改为输出 docs/configuration.md。",
    "Print the GraphQL schema.": "输出 GraphQL schema。",
    "Compare it with the file that is checked in; status 1 if they differ.": "与仓库中的文件比较；不同则状态为 1。",
    "Write it to that file.": "写入该文件。",
    "Print the OpenAPI description of the REST API instead.": "改为输出 REST 接口的 OpenAPI 文档。",
    "Write the generated pages below ./docs, as a checkout has it.": "写出 ./docs 下自动生成的页面（在源码目录中）。",
    "Check what this machine has and lacks, and say how to get it. Status 1 when something needed is"
    " missing.": "检查这台机器有什么、缺什么、如何获得。缺少必需的东西时状态为 1。",
}


def translate(command: Any, parent: Any = None) -> None:
    """Puts the help of a command and of everything below it into Chinese. Raises KeyError for help that is not here."""
    context = command.context_class(command, parent, command.name, **command.context_settings)
    command.help = _TEXTS[command.help]
    for parameter in command.get_params(context):
        parameter.help = _TEXTS[parameter.help]
    for below in getattr(command, "commands", {}).values():
        translate(below, context)
