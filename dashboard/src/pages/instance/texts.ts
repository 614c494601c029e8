import { createText } from "../../i18n/text";

const zh = {
  "doors.title": "网页",
  "doors.main": "Bot 的网页",
  "doors.of": "{program} 的网页",
  "doors.port": "端口 {port}",
  "doors.listening": "端口 {port} 有程序在监听",
  "doors.silent": "端口 {port} 没有程序在监听",
  "doors.copy": "复制令牌",
  "doors.show": "显示令牌",
  "doors.hide": "隐藏",
  "doors.noToken": "没有令牌：它不需要，或程序尚未生成（启动之后才有）",
  "doors.local": "这些地址只在服务器所在的机器上有效。",
  "ports.title": "端口被占用",
  "ports.main": "主程序",
  "ports.taken": "{name}的端口 {port} 已被 {owner} 占用。",
  "ports.unwritten": "已知的配置文件都没有写它：停止占用者，或在程序自己的设置中换一个端口。",
  "ports.use": "改用 {ports}",
  "ports.explain": "凡是写着它的配置文件都会修改，以前的内容保留在各自的历史版本中。",
  "ports.moved": "{name}的端口已从 {former} 改为 {port}，下次启动时生效。",
  "ports.undo": "改回 {ports}",
};

const en: Record<keyof typeof zh, string> = {
  "doors.title": "Web pages",
  "doors.main": "The bot's page",
  "doors.of": "Page of {program}",
  "doors.port": "port {port}",
  "doors.listening": "something listens on port {port}",
  "doors.silent": "nothing listens on port {port}",
  "doors.copy": "Copy the token",
  "doors.show": "Show the token",
  "doors.hide": "Hide",
  "doors.noToken":
    "There is no token: it needs none, or the program has not made one yet (it does when it starts)",
  "doors.local": "These addresses work on the server's own machine only.",
  "ports.title": "A port is taken",
  "ports.main": "the bot",
  "ports.taken": "Port {port} of {name} is in use by {owner}.",
  "ports.unwritten":
    "No known configuration file has it: stop that, or choose another port in the program's own settings.",
  "ports.use": "Use {ports} instead",
  "ports.explain":
    "All configuration files that name it are changed; what they were before stays in the versions of each.",
  "ports.moved": "The port of {name} is {port} instead of {former} from its next start on.",
  "ports.undo": "Go back to {ports}",
};

export const useInstanceText = createText({ zh, en });
