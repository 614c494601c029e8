/** An xterm.js terminal in an element, attached to a session. */
import { FitAddon } from "@xterm/addon-fit";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { colours, followColours } from "./colours";
import { connect, type LinkState } from "./connection";

const SCROLLBACK_LINES = 10_000;

export interface Attached {
  input(data: string): void;
  toEnd(): void;
  dispose(): void;
}

export interface Told {
  state(state: LinkState): void;
  skipped(bytes: number): void;
  /** Whether output came that cannot be seen, since its reader has scrolled up. */
  behind(is: boolean): void;
}

export function attach(element: HTMLElement, sessionId: string, told: Told): Attached {
  const terminal = new Terminal({
    allowProposedApi: true,
    scrollback: SCROLLBACK_LINES,
    fontFamily: 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "Noto Sans Mono CJK SC", monospace',
    fontSize: 13,
    minimumContrastRatio: 4.5,
    theme: colours(),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new WebLinksAddon());
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.open(element);
  draw(terminal);
  const link = connect(sessionId, {
    write: (data, drawn) => {
      const { viewportY, baseY } = terminal.buffer.active;
      if (viewportY < baseY) told.behind(true);
      terminal.write(data, drawn);
    },
    resized: (columns, rows) => terminal.resize(columns, rows),
    skipped: told.skipped,
    changed: told.state,
  });
  const fitted = () => {
    const size = fit.proposeDimensions();
    if (!size || !Number.isFinite(size.cols) || size.cols < 2) return;
    if (size.cols !== terminal.cols || size.rows !== terminal.rows) fit.fit();
    link.resize(terminal.cols, terminal.rows);
  };
  const observer = new ResizeObserver(fitted);
  observer.observe(element);
  const unfollow = followColours(() => {
    terminal.options.theme = colours();
  });
  terminal.onData(link.input);
  terminal.onScroll(() => {
    const { viewportY, baseY } = terminal.buffer.active;
    if (viewportY >= baseY) told.behind(false);
  });
  return {
    input: link.input,
    toEnd: () => {
      terminal.scrollToBottom();
      told.behind(false);
    },
    dispose: () => {
      observer.disconnect();
      unfollow();
      link.close();
      terminal.dispose();
    },
  };
}

/** Draws with WebGL where the browser has it, else with elements. */
function draw(terminal: Terminal): void {
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    terminal.loadAddon(webgl);
  } catch {
    // xterm goes on with elements.
  }
}
