/** What programs ask of a terminal, such as where its cursor is. xterm.js answers by itself, which counts as typing. */
import type { Terminal } from "@xterm/xterm";

const CONTROL_SEQUENCES = [
  { final: "n" }, // status, position of the cursor
  { prefix: "?", final: "n" },
  { final: "c" }, // kind of terminal
  { prefix: ">", final: "c" },
  { intermediates: "$", final: "p" }, // modes
  { prefix: "?", intermediates: "$", final: "p" },
];
const COLOURS = [4, 10, 11, 12];

/** Lets the terminal answer only while `mine` says so: of several viewers one must, and only one. */
export function answerOnlyWhile(terminal: Terminal, mine: () => boolean): void {
  for (const each of CONTROL_SEQUENCES) terminal.parser.registerCsiHandler(each, () => !mine());
  terminal.parser.registerDcsHandler({ intermediates: "$", final: "q" }, () => !mine());
  for (const each of COLOURS) {
    terminal.parser.registerOscHandler(each, (data) => data.endsWith("?") && !mine());
  }
}
