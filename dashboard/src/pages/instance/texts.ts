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
};

export const useInstanceText = createText({ zh, en });
