/**
 * QR codes in a terminal: found by their three finder patterns, whether they are drawn with half blocks (a character for two
 * modules above each other) or with two columns for each module.
 *
 * Programs draw them for a dark terminal, or for a light one. So what is looked for is both: dark modules where the terminal has
 * its background, and dark modules where it has its foreground.
 */

export interface Bitmap {
  readonly width: number;
  readonly height: number;
  /** Whether a point is light, as a dark terminal shows it. Two points above each other are one cell. */
  light(x: number, y: number): boolean;
}

export interface QrCode {
  /** Rows of modules; true is dark. */
  readonly modules: readonly (readonly boolean[])[];
  readonly x: number;
  readonly y: number;
  /** Points for each module. */
  readonly scale: 1 | 2;
  /** Whether it is drawn for a light terminal: dark modules are foreground. */
  readonly forLight: boolean;
}

const FINDER = 7;
const SIZES = Array.from({ length: 40 }, (_, version) => 21 + 4 * version);

export function findQrCode(bitmap: Bitmap): QrCode | undefined {
  for (const scale of [1, 2] as const) {
    for (let y = 0; y + FINDER * scale <= bitmap.height; y += 1) {
      for (let x = 0; x + FINDER * scale <= bitmap.width; x += 1) {
        const found = codeAt(bitmap, x, y, scale, false) ?? codeAt(bitmap, x, y, scale, true);
        if (found) return found;
      }
    }
  }
  return undefined;
}

function codeAt(bitmap: Bitmap, x: number, y: number, scale: 1 | 2, forLight: boolean): QrCode | undefined {
  const dark = (column: number, row: number) => {
    const [across, down] = [x + column * scale, y + row * scale];
    return across < bitmap.width && down < bitmap.height && bitmap.light(across, down) === forLight;
  };
  if (!isFinder(dark, 0, 0)) return undefined;
  const size = SIZES.find((one) => isFinder(dark, one - FINDER, 0) && isFinder(dark, 0, one - FINDER));
  if (!size || y + size * scale > bitmap.height + 1) return undefined;
  const modules = Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) => dark(column, row)),
  );
  return { modules, x, y, scale, forLight };
}

/** Three dark squares in each other, with a light one between: 7, 5 and 3 modules wide. */
function isFinder(dark: (column: number, row: number) => boolean, left: number, top: number): boolean {
  for (let row = 0; row < FINDER; row += 1) {
    for (let column = 0; column < FINDER; column += 1) {
      const ring = Math.max(Math.abs(row - 3), Math.abs(column - 3));
      if (dark(left + column, top + row) !== (ring !== 2)) return false;
    }
  }
  return true;
}
