/** Terminal output as plain lines: without sequences, and of a line that was written over only what stands at the end. */

import { withoutTrailing } from "./copying";

// Control sequences (ECMA-48), strings such as titles, and lone control characters but tab, line feed and carriage return.
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they are made of
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

export function plain(data: string): string {
  const lines = data
    .replace(SEQUENCES, "")
    .split("\n")
    .map((line) => line.replace(/\r+$/, "").split("\r").at(-1) ?? "");
  return withoutTrailing(lines.join("\n"));
}
