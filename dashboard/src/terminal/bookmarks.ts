/** Where in a screen's lines some offsets of the output are, for those lines that it still has. */
import type { IMarker, Terminal } from "@xterm/xterm";

const LINES_BETWEEN = 200; // each costs a little whenever a line scrolls out

export interface Bookmarks {
  /** Notes that the cursor is at an offset. `exact`: also if another one is near. */
  note(offset: number, exact: boolean): void;
  first(): Bookmark | undefined;
  line(offset: number): number | undefined;
}

interface Bookmark {
  readonly offset: number;
  readonly line: number;
}

export function createBookmarks(terminal: Terminal): Bookmarks {
  let kept: { offset: number; marker: IMarker }[] = [];
  const clean = () => {
    kept = kept.filter(({ marker }) => !marker.isDisposed && marker.line >= 0);
    return kept;
  };
  return {
    note: (offset, exact) => {
      if (terminal.buffer.active.type !== "normal") return;
      const last = clean().at(-1);
      const { baseY, cursorY } = terminal.buffer.active;
      if (!exact && last && baseY + cursorY - last.marker.line < LINES_BETWEEN) return;
      kept.push({ offset, marker: terminal.registerMarker(0) });
    },
    first: () => {
      const [first] = clean();
      return first && { offset: first.offset, line: first.marker.line };
    },
    line: (offset) => clean().find((each) => each.offset === offset)?.marker.line,
  };
}
