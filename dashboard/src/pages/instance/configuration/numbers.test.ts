import { expect, test } from "vitest";
import { itemIn } from "./numbers";

test("a number of a list may become another kind of number", () => {
  expect(["1", "-2", "1.5", "1e3", "1."].map(itemIn)).toEqual([1, -2, 1.5, 1000, 1]);
  expect(["", "-", "x", "9007199254740993"].map(itemIn)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
