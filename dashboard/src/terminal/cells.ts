/** What an xterm.js screen shows, as points: two for each cell, above each other. */
import type { IBufferCell, Terminal } from "@xterm/xterm";
import type { Bitmap } from "./qr";

const BLOCKS = "\u2580\u2584\u2588"; // upper half, lower half, all of the cell

export interface Points extends Bitmap {
  /** Whether all cells of a rectangle have the terminal's own colours. */
  plain(left: number, top: number, right: number, bottom: number): boolean;
}

/** The lines that can be seen. undefined where none of them has what codes are drawn with, which is quick to tell. */
export function visiblePoints(terminal: Terminal): Points | undefined {
  const { active } = terminal.buffer;
  const lines = Array.from({ length: terminal.rows }, (_, row) => active.getLine(active.viewportY + row));
  const cell = active.getNullCell();
  const drawn = lines.some((line) => line && /[\u2580\u2584\u2588]/.test(line.translateToString(true)));
  const coloured = lines.some((line) =>
    [1, 5, 9].some((column) => line?.getCell(column, cell) && !cell.isBgDefault()),
  );
  if (!drawn && !coloured) return undefined;
  const width = terminal.cols;
  const light = new Uint8Array(width * lines.length * 2);
  const own = new Uint8Array(width * lines.length);
  for (const [row, line] of lines.entries()) {
    for (let column = 0; column < width; column += 1) {
      if (!line?.getCell(column, cell)) continue;
      const [upper, lower] = halves(cell);
      light[2 * row * width + column] = Number(upper);
      light[(2 * row + 1) * width + column] = Number(lower);
      own[row * width + column] = Number(cell.isFgDefault() && cell.isBgDefault() && !cell.isInverse());
    }
  }
  return {
    width,
    height: 2 * lines.length,
    light: (x, y) => light[y * width + x] === 1,
    plain: (left, top, right, bottom) => {
      for (let row = top; row < bottom; row += 1) {
        for (let column = left; column < right; column += 1) if (!own[row * width + column]) return false;
      }
      return true;
    },
  };
}

function halves(cell: IBufferCell): [boolean, boolean] {
  const inverse = cell.isInverse() !== 0;
  const fore = cell.isFgDefault() || isLight(cell.isFgRGB(), cell.getFgColor());
  const back = !cell.isBgDefault() && isLight(cell.isBgRGB(), cell.getBgColor());
  const [ink, paper] = inverse ? [back, fore] : [fore, back];
  const block = BLOCKS.indexOf(cell.getChars() || " ");
  return [block === 0 || block === 2 ? ink : paper, block === 1 || block === 2 ? ink : paper];
}

/** Whether a colour is light: of red, green and blue, or of the 256 that terminals number. */
function isLight(rgb: boolean, colour: number): boolean {
  if (rgb) return (colour >> 16) * 3 + ((colour >> 8) & 255) * 6 + (colour & 255) > 1275;
  if (colour >= 232) return colour >= 244;
  if (colour >= 16) {
    const step = colour - 16;
    return Math.floor(step / 36) * 3 + (Math.floor(step / 6) % 6) * 6 + (step % 6) > 25;
  }
  return colour === 7 || colour > 8;
}
