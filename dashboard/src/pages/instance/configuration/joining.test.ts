import { describe, expect, it } from "vitest";
import { type Choice, joined, type Part, proposed } from "./joining";

const lines = (first: number, last: number) => ({ first, last, shown: "" });
const part = (
  origin: Part["origin"],
  base: [number, number],
  mine: [number, number],
  theirs: [number, number],
) => ({
  origin,
  base: lines(...base),
  mine: lines(...mine),
  theirs: lines(...theirs),
});

const TEXTS = { base: "a\nb\nc\nd", mine: "a\nB\nc\nd mine", theirs: "a\nb\nC\nd theirs" };
const CONFLICT = part("CONFLICT", [3, 4], [3, 4], [3, 4]);
const PARTS: Part[] = [
  part("SAME", [0, 1], [0, 1], [0, 1]),
  part("MINE", [1, 2], [1, 2], [1, 2]),
  part("THEIRS", [2, 3], [2, 3], [2, 3]),
  CONFLICT,
];

describe("two changes of a text", () => {
  it("are not joined before every conflict is solved", () => {
    expect(proposed(CONFLICT)).toBeUndefined();
    expect(joined(PARTS, TEXTS, new Map())).toBeUndefined();
  });

  it.each<[Choice, string]>([
    ["mine", "a\nB\nC\nd mine"],
    ["theirs", "a\nB\nC\nd theirs"],
    ["base", "a\nB\nC\nd"],
    ["all", "a\nB\nC\nd mine\nd theirs"],
  ])("are joined by what was chosen: %s", (choice, text) => {
    expect(joined(PARTS, TEXTS, new Map([[CONFLICT, choice]]))).toBe(text);
  });

  it("can be undone place by place", () => {
    const [, mine, theirs] = PARTS as [Part, Part, Part, Part];
    const choices = new Map<Part, Choice>([
      [CONFLICT, "base"],
      [mine, "theirs"],
      [theirs, "mine"],
    ]);
    expect(joined(PARTS, TEXTS, choices)).toBe(TEXTS.base);
  });
});
