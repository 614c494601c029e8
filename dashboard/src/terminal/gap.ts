/** The line that stands for output that was left out. It ends what was begun before, and has no colour of it. */
import { language } from "../i18n/language";
import { numbersOf } from "../i18n/numbers";
import { textIn } from "../i18n/text";

const CANCEL = "\x18\x1b[0m"; // also of a sequence that was cut

export function gapLine(bytes: number): string {
  const sentence = textIn(language.get())("terminal.gap", {
    bytes: numbersOf(language.get()).bytes(bytes, true),
  });
  return `${CANCEL}\r\n${sentence}\r\n`;
}
