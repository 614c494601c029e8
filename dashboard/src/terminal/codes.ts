/** The QR code that a screen shows, found soon after it was drawn, and given the colours that scanners expect. */
import type { IDecoration, Terminal } from "@xterm/xterm";
import { visiblePoints } from "./cells";
import { findQrCode, type QrCode } from "./qr";

const PAUSE_MS = 300;
const MARGIN = 2; // modules that a program draws around its code

export interface CodeFinder {
  /** Looks for one soon. */
  changed(): void;
  dispose(): void;
}

export function createCodeFinder(terminal: Terminal, found: (code: QrCode | undefined) => void): CodeFinder {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let decorations: IDecoration[] = [];
  let decorated = "";

  const look = () => {
    timer = undefined;
    const points = visiblePoints(terminal);
    const code = points && findQrCode(points);
    found(code);
    if (!points || !code) return;
    const size = code.modules.length * code.scale;
    const top = Math.floor(code.y / 2);
    const bottom = Math.ceil((code.y + size) / 2);
    if (points.plain(code.x, top, code.x + size, bottom)) paint(code, top, bottom, size);
  };

  /** A light page would show a code for dark terminals with its colours exchanged, which few scanners can read. */
  const paint = (code: QrCode, top: number, bottom: number, size: number) => {
    const { viewportY, baseY, cursorY } = terminal.buffer.active;
    const key = [viewportY + top, code.x, size, code.forLight].join();
    if (key === decorated && decorations.some((each) => !each.isDisposed)) return;
    for (const each of decorations) each.dispose();
    decorated = key;
    const [foregroundColor, backgroundColor] = code.forLight
      ? ["#000000", "#ffffff"]
      : ["#ffffff", "#000000"];
    const x = Math.max(0, code.x - MARGIN);
    const width = Math.min(terminal.cols, code.x + size + MARGIN) - x;
    decorations = [];
    for (let row = top - 1; row <= bottom; row += 1) {
      const marker = terminal.registerMarker(viewportY + row - baseY - cursorY);
      const one = terminal.registerDecoration({ marker, x, width, foregroundColor, backgroundColor });
      if (one) decorations.push(one);
    }
  };

  return {
    changed: () => {
      timer ??= setTimeout(look, PAUSE_MS);
    },
    dispose: () => clearTimeout(timer),
  };
}
