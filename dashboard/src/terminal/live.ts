/** A terminal on the page: its screen, held while its reader looks at something, and its history above. */
import { createStore, type Store } from "../ui/store";
import { createBookmarks } from "./bookmarks";
import { createCodeFinder } from "./codes";
import { createHistory, type History } from "./history";
import type { QrCode } from "./qr";
import { answerOnlyWhile } from "./queries";
import { createScreen } from "./screen";
import { openSession, type Session } from "./session";

const SCROLLBACK_LINES = 10_000;
const encoder = new TextEncoder();

export interface LiveTerminal {
  readonly session: Session;
  readonly history: History;
  /** The QR code that is to be seen. */
  readonly code: Store<QrCode | undefined>;
  toEnd(): void;
  /** What an arrow key types, as the program in the terminal has asked for. */
  arrow(letter: string): string;
  /** What is selected, or else all that the screen has, without what only fills lines up. */
  text(): string;
  setReader(on: boolean): void;
  dispose(): void;
}

export interface Options {
  sessionId: string;
  element: HTMLElement;
  /** An element over it, for what is older. */
  above: HTMLElement;
  /** A line that stands for bytes that were left out. */
  gap(bytes: number): string;
  /** Leaves the terminal, whose keys are all its own, for the next thing on the page. */
  leave(): void;
}

export function openTerminal({ sessionId, element, above, gap, leave }: Options): LiveTerminal {
  const screen = createScreen(element, { scrollback: SCROLLBACK_LINES });
  const { terminal } = screen;
  let bookmarks = createBookmarks(terminal);
  const code = createStore<QrCode | undefined>(undefined);
  const codes = createCodeFinder(terminal, code.set);
  let moving = false; // by this page and not by its reader

  const session = openSession(sessionId, {
    write: (bytes, end, before, drawn) => {
      if (bookmarks.first() === undefined) bookmarks.note(end - bytes.length, true);
      if (before) terminal.write(encoder.encode(gap(before)));
      terminal.write(bytes, () => {
        bookmarks.note(end, false);
        drawn();
      });
    },
    resized: (columns, rows) => terminal.resize(columns, rows),
    forget: () => {
      history.close();
      terminal.reset();
      bookmarks = createBookmarks(terminal);
      holdIfRead();
    },
  });

  const atEnd = () => terminal.buffer.active.viewportY >= terminal.buffer.active.baseY;
  const holdIfRead = () => {
    session.hold(!atEnd() || terminal.hasSelection() || history.place.get() !== "closed");
  };
  const move = (to: () => void) => {
    moving = true;
    to();
    moving = false;
    holdIfRead();
  };
  const toOlder = () => {
    const { type, viewportY } = terminal.buffer.active;
    const begin = bookmarks.first();
    if (type === "normal" && begin && history.place.get() === "closed")
      history.show(begin.offset, viewportY - begin.line);
  };
  const toEnd = () => {
    history.close();
    terminal.clearSelection();
    move(() => terminal.scrollToBottom());
    terminal.focus();
  };

  const key = (event: KeyboardEvent): boolean => {
    if (event.key === "F6") {
      if (event.type === "keydown") leave();
      event.preventDefault();
      return false;
    }
    if (event.type !== "keydown") return true;
    if (event.key === "End" && session.view.get().unread !== undefined && !event.ctrlKey) {
      toEnd();
      return false;
    }
    const shown = history.screen()?.terminal ?? terminal;
    if (
      event.key === "PageUp" &&
      event.shiftKey &&
      shown === terminal &&
      terminal.buffer.active.viewportY === 0
    ) {
      toOlder();
      return false;
    }
    // As in other terminals on Windows: with something selected it is copied, and the next one interrupts.
    return !(event.key === "c" && event.ctrlKey && !event.shiftKey && shown.hasSelection());
  };

  const history: History = createHistory(sessionId, {
    element: above,
    size: () => ({ cols: terminal.cols, rows: terminal.rows }),
    begin: () => bookmarks.first()?.offset,
    back: (lines) => {
      if (lines === undefined) return toEnd();
      move(() => terminal.scrollToLine(Math.max(1, (bookmarks.first()?.line ?? 0) + lines)));
      terminal.focus();
    },
    type: session.type,
    key,
    failed: (error) => session.change({ error: error.message }),
  });
  const unplace = history.place.subscribe(holdIfRead);

  answerOnlyWhile(terminal, () => session.view.get().driver !== "other");
  terminal.onData(session.type);
  terminal.onBinary(session.type);
  terminal.onScroll(() => {
    if (moving) return;
    codes.changed();
    holdIfRead();
    if (terminal.buffer.active.viewportY === 0 && terminal.buffer.active.baseY > 0) toOlder();
  });
  terminal.onSelectionChange(holdIfRead);
  terminal.onWriteParsed(codes.changed);
  terminal.attachCustomKeyEventHandler(key);
  terminal.attachCustomWheelEventHandler(({ deltaY }) => {
    if (deltaY < 0 && terminal.buffer.active.viewportY === 0) toOlder();
    return true;
  });
  const unselect = () => setTimeout(() => terminal.clearSelection());
  element.addEventListener("copy", unselect);

  const fitted = () => {
    const size = screen.fitting();
    if (!size) return;
    if (session.view.get().driver !== "other") terminal.resize(size.cols, size.rows);
    session.resize(size.cols, size.rows);
  };
  const observer = new ResizeObserver(fitted);
  observer.observe(element);
  let drove = session.view.get().driver;
  const unwatch = session.view.subscribe(() => {
    const { driver } = session.view.get();
    if (driver !== drove && driver !== "other") fitted();
    drove = driver;
  });

  return {
    session,
    history,
    code,
    toEnd,
    arrow: (letter) => (terminal.modes.applicationCursorKeysMode ? `\x1bO${letter}` : `\x1b[${letter}`),
    text: () => {
      const shown = history.screen()?.terminal ?? terminal;
      if (shown.hasSelection()) return shown.getSelection();
      shown.selectAll();
      const all = shown.getSelection();
      shown.clearSelection();
      return all;
    },
    setReader: (on) => {
      terminal.options.screenReaderMode = on;
    },
    dispose: () => {
      unplace();
      unwatch();
      observer.disconnect();
      codes.dispose();
      history.close();
      session.close();
      screen.dispose();
    },
  };
}
