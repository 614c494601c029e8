/**
 * Output that the live screen no longer has: a screen over it that shows two parts of the log, and moves from part to part as
 * it is scrolled, back to the oldest byte that is kept. So it costs the same however long the log is.
 *
 * It goes by offsets. The live screen does not change meanwhile, so the place where it begins is a place in here as well:
 * scrolling down to that place goes back to it.
 */
import { query } from "../api/connection";
import { TerminalPartDocument } from "../gql/graphql";
import { createStore, type Store } from "../ui/store";
import { createBookmarks } from "./bookmarks";
import { createScreen, type XtermScreen } from "./screen";

const PART = 64 << 10;
const AHEAD = 32 << 10; // what is read behind a place that is to be seen at the top
const LINES_MAX = 2 * PART; // as many as two parts can have

type Place = "closed" | "reading" | "open" | "oldest";

export interface History {
  readonly place: Store<Place>;
  screen(): XtermScreen | undefined;
  /** Shows the line at `offset` at the top, or the one that is `lines` further down. */
  show(offset: number, lines: number): void;
  showOldest(): void;
  close(): void;
}

export interface Live {
  readonly element: HTMLElement;
  size(): { cols: number; rows: number };
  /** Where the live screen begins; undefined if it has just been cleared. */
  begin(): number | undefined;
  /** Shows the live screen again, from the line that is so many below `begin()`; undefined: its end. */
  back(lines: number | undefined): void;
  type(data: string): void;
  key(event: KeyboardEvent): boolean;
  failed(error: Error): void;
}

interface Part {
  bytes: Uint8Array;
  offset: number;
  end: number;
}

export function createHistory(sessionId: string, live: Live): History {
  const place = createStore<Place>("closed");
  let screen: XtermScreen | undefined;
  let first = 0;
  let middle = 0;
  let end = 0;
  let oldest = 0;
  let newest = 0; // of the whole log
  let lineOf: (offset: number) => number | undefined = () => undefined;
  let reading = 0; // the number of the last request: an answer that comes too late changes nothing

  const part = async (before: number): Promise<Part> => {
    const found = await query(TerminalPartDocument, { sessionId, before, bytes: PART });
    oldest = found.terminal?.oldest ?? 0;
    newest = found.terminal?.end ?? 0;
    const { data = "", offset = before, end = before } = found.terminalLog ?? {};
    return { bytes: new TextEncoder().encode(data), offset, end };
  };

  /** Shows the two parts before an offset, with a line of them at the top. */
  const read = async (to: number, offset: number, lines: number) => {
    const number = ++reading;
    place.set("reading");
    try {
      const newer = await part(to);
      const older = await part(newer.offset);
      if (number !== reading) return;
      await draw([older, newer], offset);
      if (number !== reading) return;
      first = older.offset;
      middle = newer.offset;
      end = newer.end;
      screen?.terminal.scrollToLine((lineOf(offset) ?? 0) + lines);
      place.set(first <= oldest ? "oldest" : "open");
    } catch (error) {
      if (number === reading) failed(error as Error);
    }
  };

  const failed = (error: Error) => {
    place.set(screen ? "open" : "closed");
    live.failed(error);
  };

  /** Draws parts, with bookmarks at their borders, at `offset`, and where the live screen begins. */
  const draw = async (parts: readonly Part[], offset: number) => {
    const { terminal } = open();
    terminal.reset();
    terminal.resize(live.size().cols, live.size().rows);
    const bookmarks = createBookmarks(terminal);
    lineOf = bookmarks.line;
    const marks = [offset, live.begin() ?? 0].sort((one, other) => one - other);
    for (const each of parts) {
      let from = each.offset;
      bookmarks.note(from, true);
      for (const to of [...marks.filter((mark) => mark > each.offset && mark < each.end), each.end]) {
        const bytes = each.bytes.subarray(from - each.offset, to - each.offset);
        await new Promise<void>((drawn) => terminal.write(bytes, drawn));
        bookmarks.note(to, true);
        from = to;
      }
    }
  };

  const scrolled = () => {
    if (!screen || (place.get() !== "open" && place.get() !== "oldest")) return;
    const { viewportY, baseY } = screen.terminal.buffer.active;
    const begin = live.begin();
    const border = begin !== undefined && begin >= first && begin <= end ? lineOf(begin) : undefined;
    if (border !== undefined && (viewportY > border || viewportY === baseY)) back(viewportY - border);
    else if (viewportY === 0 && place.get() === "open") void read(first + AHEAD, first, 0);
    else if (viewportY === baseY && end >= newest) back(undefined);
    else if (viewportY === baseY) {
      const to = Math.min(end + PART, Math.max(end, begin ?? newest) + AHEAD);
      void read(to, middle, viewportY - (lineOf(middle) ?? 0));
    }
  };

  const open = (): XtermScreen => {
    if (screen) return screen;
    live.element.hidden = false;
    const opened = createScreen(live.element, { scrollback: LINES_MAX, cursorInactiveStyle: "none" });
    const { terminal } = opened;
    terminal.onScroll(scrolled);
    terminal.onData((data) => {
      back(undefined);
      live.type(data);
    });
    terminal.attachCustomKeyEventHandler(live.key);
    terminal.attachCustomWheelEventHandler(({ deltaY }) => {
      if (deltaY > 0 && terminal.buffer.active.viewportY === terminal.buffer.active.baseY) scrolled();
      return true;
    });
    terminal.focus();
    screen = opened;
    return opened;
  };

  const close = () => {
    reading += 1;
    const closed = screen;
    setTimeout(() => closed?.dispose()); // xterm.js goes on after the event of it that may have led here
    screen = undefined;
    live.element.hidden = true;
    place.set("closed");
  };

  const back = (lines: number | undefined) => {
    live.back(lines); // first: the live screen is held until then
    close();
  };

  return {
    place,
    screen: () => screen,
    show: (offset, lines) => void read(offset + AHEAD, offset, lines),
    showOldest: () => void part(0).then(() => read(oldest + AHEAD, oldest, 0), failed),
    close,
  };
}
