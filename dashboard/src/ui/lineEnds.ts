/** Editors know one kind of line ends only: those of a text are kept apart, and are put back when it is saved. */

export type LineEnd = "\n" | "\r\n";

/** The text as an editor has it. */
export function inEditor(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

/** The line ends of a text, for writing it again: those that most of its lines have. */
export function lineEndOf(text: string): LineEnd {
  const pairs = text.split("\r\n").length - 1;
  return pairs * 2 > text.split("\n").length - 1 ? "\r\n" : "\n";
}

/** Whether a text has more than one kind of line ends, or one that is not written. */
export function isMixed(text: string): boolean {
  const others = text.replaceAll("\r\n", "");
  return others.includes("\r") || (others.includes("\n") && text.includes("\r\n"));
}

/** What is written for a text of the editor. */
export function withLineEnds(text: string, end: LineEnd): string {
  return end === "\n" ? text : text.replaceAll("\n", end);
}
