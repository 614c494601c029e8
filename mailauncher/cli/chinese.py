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
    # Deploying
    "Install a new bot, with its services, and follow how that goes.\n\nIt needs your consent to the bot's terms to be"
    " started: --accept-terms, an answer at the terminal, or later accept.": "安装一个新的 Bot 及其服务，并显示进度。\n\n启动前须"
    "同意 Bot 的条款：加上 --accept-terms，或在终端回答，或之后用 accept。",
    "Name of the new instance.": "新实例的名称。",
    "A tag, a branch, or latest: the newest stable tag.": "标签、分支，或 latest（最新的稳定标签）。",
    "New or empty folder on the server's machine; by default one in the workspace.": "服务器所在机器上新的或空的文件夹；默认在工作区中。",
    "The bot's port; by default a free one.": "Bot 的端口；默认选一个空闲的。",
    "A service to install with it, such as napcat; may be repeated.": "一同安装的服务，如 napcat，可多次给出。",
    "Which kind of bot, by the name of its recipe.": "哪一种 Bot，以配方名称表示。",
    "You have read and accept the bot's licence and privacy terms (see terms).": "已阅读并接受 Bot 的用户协议与隐私条款（见 terms）。",
    "Start it at the end.": "完成后启动。",
    "Show its progress until it has ended; the default.": "显示进度直到结束；默认如此。",
    "Follow a deployment until it has ended. Ctrl-C stops following, and not the deployment.": "显示部署的进度直到结束。按 Ctrl-C "
    "只停止显示，不停止部署。",
    "Cancel a deployment and remove what it has made. An upgraded bot stays as it was.": "取消部署，移除已安装的内容。升级中的 Bot 保持"
    "原样。",
    "Go on with a failed deployment from where it stopped.": "从失败之处继续部署。",
    "List the versions that can be deployed, the newest first.": "列出可部署的版本，从新到旧。",
    "Ask the repository now, instead of showing what is known.": "立即询问仓库，而不是显示已知的版本。",
    "List the newest deployment of each instance, cancelled ones included.": "列出每个实例最近一次部署，包括已取消的。",
    "Print the licence and privacy texts that a bot's makers want accepted before it starts.": "输出启动前须接受的用户协议与隐私条款。",
    "The instance whose terms are meant, or give --version.": "哪个实例的条款；或给出 --version。",
    "The terms of a version, installed or not.": "某个版本的条款，无论是否已安装。",
    "Accept the licence and privacy terms of a bot, so that it can be started. To read them: terms.": "接受 Bot 的用户协议与隐私条款，"
    "使其可以启动。阅读条款：terms。",
    "Put another version in a bot's place, with its configuration and data.\n\nIt runs on while the new version is built."
    " Where that does not get ready, the present one comes back by itself.": "把 Bot 换成另一个版本，保留配置与数据。\n\n构建新版本时"
    "它继续运行；新版本未能就绪时，自动换回现有版本。",
    "Put the version back that the last upgrade replaced, with its data as they were.": "换回上次升级前的版本，数据也恢复到当时。",
    "Copy a bot with its configuration and data, to ports and an environment of its own.": "复制一个 Bot 及其配置与数据，使用新的端口和环境。",
    # Backups
    "Back up a bot's configuration and data, also while it runs.": "备份 Bot 的配置和数据，运行中也可以。",
    "List the backups of a bot, the newest first.": "列出 Bot 的备份，从新到旧。",
    "Delete this backup instead.": "改为删除这个备份。",
    "Put a stopped bot's configuration and data back as a backup has them.\n\nWhat is there now is backed up first, so that"
    " this can be taken back.": "把已停止的 Bot 的配置和数据恢复成备份时的样子。\n\n现有的内容会先备份，因此可以撤回。",
    "Id of the backup, as backups lists it.": "备份的 ID，见 backups。",
    # config
    "Show and change the configuration files of an instance.\n\nACTION is get PATH, set PATH VALUE, unset PATH, edit, history,"
    " diff [REVISION] or restore REVISION; a PATH is like\napi.hosts.0. A change leaves comments and formatting alone, and"
    " every earlier content is kept.": "查看和修改实例的配置文件。\n\nACTION 为 get PATH、set PATH VALUE、unset PATH、edit、history、"
    "diff [REVISION] 或 restore REVISION；PATH 形如 api.hosts.0。\n修改不影响注释和格式，每个以前的内容都会保留。",
    "Such as bot or env; by default the files are listed.": "如 bot 或 env；默认列出所有文件。",
    "What to do with the file; by default it is printed.": "对文件的操作；默认显示其内容。",
    "VALUE is a text, even if it looks like a number, true or JSON.": "VALUE 是文本，即使看起来像数字、true 或 JSON。",
    # add and rm
    "Manage a bot that stands in a folder already. Nothing in the folder is changed.": "管理一个已有文件夹中的 Bot，不改动其中的文件。",
    "The bot's folder, on the server's machine.": "Bot 的文件夹，在服务器所在的机器上。",
    "Its name; by default the folder's.": "实例名称；默认为文件夹名。",
    "The port on which the bot takes messages.": "Bot 接收消息的端口。",
    "Stop an instance and forget it. Its files stay, unless --files is given.": "停止并移除实例。除非给出 --files，文件都会保留。",
    "Also delete its folder, if MaiLauncher deployed it, and its backups.": "同时删除其文件夹（仅限由 MaiLauncher 部署的）和备份。",
    "Do not ask.": "不询问。",
    # emoji and person
    "List, add or delete the emojis of an instance.\n\nAn added emoji is called like its file. What the bot collected itself is"
    " only forgotten by rm, and stays the bot's.": "列出、添加或删除实例的表情包。\n\n添加的表情包以文件名命名。rm 对 Bot 自己收集的"
    "只在此处移除，仍归 Bot 所有。",
    "What is to be done.": "要做什么。",
    "With add: image files. With rm: names or ids of emojis. With ls: a text to find.": "add：图片文件；rm：表情包的名称或 ID；"
    "ls：要查找的文字。",
    "A tag, to give or to find; may be given several times.": "要添加或查找的标签，可给出多次。",
    "The category, to give or to find.": "要添加或查找的分类。",
    "With add: what the pictures show.": "add：图片的说明。",
    "List the persons of an instance, or read them from a file, or write them into one.\n\nJSON Lines: an object on each line"
    " with user_id, username, nickname, avatar_url, profile. CSV: the first line names\nthe columns, profile is JSON. Status 1"
    " when a line came to nothing.": "列出实例的用户信息，或从文件导入，或导出到文件。\n\nJSON Lines：每行一个对象，含 user_id、"
    "username、nickname、avatar_url、profile。CSV：首行为列名，profile 为 JSON。有行失败时状态为 1。",
    "With import and export: the file; by default standard input and output. With ls: a text to find.": "import 与 export：文件，"
    "默认为标准输入与输出；ls：要查找的文字。",
    "Form of the file; by default as it is called, else jsonl.": "文件格式；默认由文件名决定，否则为 jsonl。",
    "With import: what is done with a user id that is there.": "import：用户 ID 已存在时如何处理。",
    # sync
    "Bring emojis and persons in step with the bot's own database.\n\nWhat the bot has learned is shown here afterwards, and"
    " what was changed here is told to the bot as far as that is safe\nnow. The rest is told when the bot stops.": "使表情包和"
    "用户信息与 Bot 自己的数据库同步。\n\nBot 学到的内容会显示在此处，此处的修改在安全时写入 Bot，其余的在 Bot 停止后写入。",
    "Change nothing: only show how far both are in step.": "不做任何改动，只显示同步情况。",
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
