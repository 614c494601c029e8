import { describe, expect, it } from "vitest";
import { both, spliceOf } from "./splice";

describe("a change of a text", () => {
  it.each([
    ["a = 1\nb = 2\n", "a = 1\nb = 20\n", { from: 11, to: 11, insert: "0" }],
    ["aaa", "aa", { from: 2, to: 3, insert: "" }],
    ["", "x", { from: 0, to: 0, insert: "x" }],
    ["same", "same", { from: 4, to: 4, insert: "" }],
  ])("is the piece that differs: %j", (before, after, splice) => {
    expect(spliceOf(before, after)).toEqual(splice);
  });

  it("is made together with another one elsewhere", () => {
    const before = "port = 1\nname = 'x'\n";
    expect(both(before, "port = 2\nname = 'x'\n", `${before}broken = = 1`)).toBe(
      "port = 2\nname = 'x'\nbroken = = 1",
    );
    expect(both(before, `# new\n${before}`, "port = 1\nname = 'xyz'\n")).toBe(
      "# new\nport = 1\nname = 'xyz'\n",
    );
  });

  it("is not made together with one in the same place", () => {
    expect(both("port = 1\n", "port = 2\n", "port = 3\n")).toBeUndefined();
    expect(both("port = 1\n", "port = 1\na\n", "port = 1\nb\n")).toBeUndefined();
  });
});
