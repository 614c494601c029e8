/** Where in the editor a place in a text of the server is. */

/**
 * Turns offsets of the server, which counts characters, into places in the editor, which counts units of UTF-16 and each line
 * break as one.
 */
export function placesIn(text: string): (offset: number) => number {
  if (!/[\r\ud800-\udbff]/.test(text)) return (offset) => offset;
  const shifts: { at: number; by: number }[] = [];
  let at = 0;
  let by = 0;
  let last = 0;
  for (const found of text.matchAll(/\r\n|[\u{10000}-\u{10ffff}]/gu)) {
    at += found.index - last;
    const isBreak = found[0] === "\r\n";
    at += isBreak ? 2 : 1;
    by += isBreak ? -1 : 1;
    last = found.index + 2;
    shifts.push({ at, by });
  }
  return (offset) => {
    let low = 0;
    let high = shifts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((shifts[middle]?.at ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return offset + (shifts[low - 1]?.by ?? 0);
  };
}
