/** An xterm.js terminal in an element, with the page's colours, and cells that are twice as high as wide. */
import { FitAddon } from "@xterm/addon-fit";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { type ITerminalOptions, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { colours, followColours } from "./colours";
import { copyWithoutTrailing } from "./copying";
import { allowStylesOfSpans } from "./inlineStyles";

export interface XtermScreen {
  readonly terminal: Terminal;
  /** How many columns and rows fit; undefined while nothing can be seen. */
  fitting(): { cols: number; rows: number } | undefined;
  dispose(): void;
}

export function createScreen(element: HTMLElement, options: ITerminalOptions): XtermScreen {
  const terminal = new Terminal({
    allowProposedApi: true,
    fontFamily:
      'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace',
    fontSize: 13,
    minimumContrastRatio: 4.5,
    theme: colours(),
    ...options,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new WebLinksAddon());
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.open(element);
  draw(terminal);
  makeHalvesSquare(terminal, element);
  const unfollow = followColours(() => {
    terminal.options.theme = colours();
  });
  // A line that the terminal has wrapped is one line in its selection.
  const uncopy = copyWithoutTrailing(element, () => terminal.getSelection());
  return {
    terminal,
    fitting: () => {
      const size = fit.proposeDimensions();
      return size && Number.isFinite(size.cols) && size.cols >= 2 ? size : undefined;
    },
    dispose: () => {
      unfollow();
      uncopy();
      terminal.dispose();
    },
  };
}

/** Draws with WebGL where the browser has it, else with elements. */
function draw(terminal: Terminal): void {
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => {
      allowStylesOfSpans();
      webgl.dispose();
    });
    terminal.loadAddon(webgl);
  } catch {
    allowStylesOfSpans(); // xterm goes on with elements
  }
}

/** Half a cell is a square then, and so are the parts of a QR code. */
function makeHalvesSquare(terminal: Terminal, element: HTMLElement): void {
  const drawn = element.querySelector(".xterm-screen")?.getBoundingClientRect();
  if (!drawn?.width) return;
  const width = drawn.width / terminal.cols;
  const height = drawn.height / terminal.rows;
  if (height < 2 * width) terminal.options.lineHeight = (2 * width + 0.01) / height;
  else terminal.options.letterSpacing = Math.min(1, Math.round(height / 2 - width)); // more is hard to read
}
