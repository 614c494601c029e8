/** Which time is shown, and where in it something happened. Times are milliseconds since 1970. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** As far back as anything is kept. */
const KEPT_MS = 90 * DAY_MS;
const LEAST_MS = MINUTE_MS;

export const RANGES = {
  "10m": 10 * MINUTE_MS,
  "2h": 120 * MINUTE_MS,
  "1d": DAY_MS,
  "1w": 7 * DAY_MS,
  "90d": KEPT_MS,
} as const;

export type Range = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as Range[];

export interface Span {
  begin: number;
  end: number;
}

/** The span that ends now moves on in steps, so that it is not read anew each second. */
export function untilNow(range: Range, now: number): Span {
  const step = RANGES[range] / 120;
  const end = Math.ceil(now / step) * step;
  return { begin: end - RANGES[range], end };
}

/** What an address says: a range until now, or a time between two moments. */
export function spanIn(parameters: URLSearchParams, now: number): Span & { range: Range | undefined } {
  const [begin, end] = ["from", "to"].map((name) => {
    const given = parameters.get(name);
    return given !== null && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
  });
  if (begin !== undefined && end !== undefined && begin < end) return { begin, end, range: undefined };
  const range = RANGE_NAMES.find((name) => name === parameters.get("range")) ?? "2h";
  return { ...untilNow(range, now), range };
}

/** Around the middle, `factor` times as long; not longer than anything is kept. */
export function zoomed({ begin, end }: Span, factor: number, now: number): Span {
  const length = Math.min(KEPT_MS, Math.max(LEAST_MS, (end - begin) * factor));
  const middle = (begin + end) / 2;
  return within({ begin: middle - length / 2, end: middle + length / 2 }, now);
}

/** By half its length, later or earlier. */
export function moved({ begin, end }: Span, direction: -1 | 1, now: number): Span {
  const by = (direction * (end - begin)) / 2;
  return within({ begin: begin + by, end: end + by }, now);
}

/** The same length, not in the future. */
function within({ begin, end }: Span, now: number): Span {
  const late = Math.max(0, end - now);
  return { begin: Math.round(begin - late), end: Math.round(end - late) };
}

/** What stands in the same of `slots` parts of a span, with the number of the part. What is not in the span is left out. */
export function grouped<Item extends { at: string }>(
  items: readonly Item[],
  { begin, end }: Span,
  slots: number,
): { slot: number; items: Item[] }[] {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const slot = Math.floor(((Date.parse(item.at) - begin) / (end - begin)) * slots);
    if (slot < 0 || slot >= slots) continue;
    groups.set(slot, [...(groups.get(slot) ?? []), item]);
  }
  return [...groups].sort(([one], [other]) => one - other).map(([slot, found]) => ({ slot, items: found }));
}
