/** A text field knows one kind of line ends only: those of a file are kept apart, and are put back when it is saved. */

export interface Lines {
  /** With line feeds only. */
  text: string;
  crlf: boolean;
  /** Whether the file has more than one kind. */
  mixed: boolean;
}

export function linesOf(content: string): Lines {
  const crlf = content.split("\r\n").length - 1;
  const others = content.replaceAll("\r\n", "").match(/[\r\n]/g) ?? [];
  const lone = others.filter((end) => end === "\r").length;
  return {
    text: content.replace(/\r\n?/g, "\n"),
    crlf: crlf > others.length - lone,
    mixed: lone > 0 || (crlf > 0 && others.length > 0),
  };
}

export function contentOf(text: string, crlf: boolean): string {
  return crlf ? text.replaceAll("\n", "\r\n") : text;
}
