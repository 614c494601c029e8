/** Terminal output as lines of text in an element. Those that are new come together, once a second at most. */
import { plain } from "./plain";
import type { Screen } from "./session";

const PAUSE_MS = 1000;
const LINES_MAX = 1000;
const LINE_MAX = 64 << 10; // characters

export function createLines(
  element: HTMLElement,
  gap: (bytes: number) => string,
): Screen & { dispose(): void } {
  const decoder = new TextDecoder();
  let rest = ""; // the line that is not complete
  let came = "";
  let drawn: (() => void)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = Number.NEGATIVE_INFINITY;
  element.tabIndex = 0; // it scrolls, and must do so by keyboard

  const show = () => {
    timer = undefined;
    last = performance.now();
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    const lines = (rest + came).split("\n");
    const complete = lines.slice(0, -1).slice(-LINES_MAX);
    rest = (lines.at(-1) ?? "").slice(-LINE_MAX);
    came = "";
    if (element.lastElementChild?.hasAttribute("data-incomplete")) element.lastElementChild.remove();
    const added = complete.map((line) => lineOf(line));
    if (plain(rest)) added.push(lineOf(rest));
    element.append(...added);
    if (plain(rest)) element.lastElementChild?.setAttribute("data-incomplete", "");
    while (element.childElementCount > LINES_MAX) element.firstElementChild?.remove();
    if (atEnd) element.scrollTop = element.scrollHeight;
    const done = drawn;
    drawn = [];
    for (const each of done) each();
  };

  return {
    write: (bytes, _, before, done) => {
      if (before) came += gap(before);
      came += decoder.decode(bytes, { stream: true });
      drawn.push(done);
      timer ??= setTimeout(show, Math.max(0, last + PAUSE_MS - performance.now()));
    },
    resized: () => {},
    forget: () => {
      rest = came = "";
      element.replaceChildren();
    },
    dispose: () => {
      clearTimeout(timer);
      element.replaceChildren();
    },
  };
}

function lineOf(text: string): HTMLElement {
  const line = document.createElement("div");
  line.textContent = plain(text) || "\u00a0"; // an empty line has its height too
  return line;
}
