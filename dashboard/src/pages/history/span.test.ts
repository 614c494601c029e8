import { expect, test } from "vitest";
import { grouped, moved, RANGES, spanIn, untilNow, zoomed } from "./span";

const NOW = 1_800_000_000_000;

test("a range ends now, and is not another one each second", () => {
  const { begin, end } = untilNow("2h", NOW);
  expect(end - begin).toBe(RANGES["2h"]);
  expect(end).toBeGreaterThanOrEqual(NOW);
  expect(untilNow("2h", NOW + 1)).toEqual(untilNow("2h", NOW + 2));
});

test("an address has a range or two moments, and whatever else it has counts as none", () => {
  expect(spanIn(new URLSearchParams("range=1w"), NOW).range).toBe("1w");
  expect(spanIn(new URLSearchParams("from=5&to=9"), NOW)).toEqual({ begin: 5, end: 9, range: undefined });
  for (const odd of ["", "range=1y", "from=9&to=5", "from=x&to=9", "from=5"]) {
    expect(spanIn(new URLSearchParams(odd), NOW).range).toBe("2h");
  }
});

test("zooming keeps the middle, and nothing goes into the future", () => {
  const span = { begin: NOW - 4_000_000, end: NOW - 2_000_000 };
  expect(zoomed(span, 0.5, NOW)).toEqual({ begin: NOW - 3_500_000, end: NOW - 2_500_000 });
  expect(zoomed(span, 4, NOW)).toEqual({ begin: NOW - 8_000_000, end: NOW });
  expect(zoomed(span, 1e9, NOW).end - zoomed(span, 1e9, NOW).begin).toBe(RANGES["90d"]);
  expect(zoomed(span, 1e-9, NOW).end - zoomed(span, 1e-9, NOW).begin).toBe(60_000);
  expect(moved(span, -1, NOW)).toEqual({ begin: NOW - 5_000_000, end: NOW - 3_000_000 });
  expect(moved(moved(moved(span, 1, NOW), 1, NOW), 1, NOW)).toEqual({ begin: NOW - 2_000_000, end: NOW });
});

test("what happened at about the same time is one mark", () => {
  const at = (ms: number) => ({ at: new Date(ms).toISOString() });
  const found = grouped([at(0), at(9), at(10), at(99), at(100), at(-1)], { begin: 0, end: 100 }, 10);
  expect(found.map(({ slot, items }) => [slot, items.length])).toEqual([
    [0, 2],
    [1, 1],
    [9, 1],
  ]);
});
