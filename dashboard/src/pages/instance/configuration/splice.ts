/** A change of a text as the one piece that differs. */
export interface Splice {
  from: number;
  /** The end of the piece in the former text. */
  to: number;
  insert: string;
}

export function spliceOf(before: string, after: string): Splice {
  const least = Math.min(before.length, after.length);
  let from = 0;
  while (from < least && before.charCodeAt(from) === after.charCodeAt(from)) from++;
  let tail = 0;
  while (
    tail < least - from &&
    before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)
  )
    tail++;
  return { from, to: before.length - tail, insert: after.slice(from, after.length - tail) };
}

/** Two changes of one text, both made; undefined if they touch. */
export function both(before: string, one: string, other: string): string | undefined {
  const [first, second] = [spliceOf(before, one), spliceOf(before, other)].sort(
    (a, b) => a.from - b.from,
  ) as [Splice, Splice];
  if (first.to >= second.from) return undefined;
  return (
    before.slice(0, first.from) +
    first.insert +
    before.slice(first.to, second.from) +
    second.insert +
    before.slice(second.to)
  );
}
