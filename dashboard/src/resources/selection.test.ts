import { expect, test } from "vitest";
import { extended, movedBy, NOTHING, rangeTo, SELECTED_MOST, toggled } from "./selection";

const rows = (...ids: string[]) => ids.map((id) => ({ id }));

test("a row is selected and unselected, and the keyboard is there then", () => {
  const one = toggled(NOTHING, 3, "d");
  expect([[...one.ids], one.at, one.from]).toEqual([["d"], 3, 3]);
  expect([...toggled(one, 3, "d").ids]).toEqual([]);
});

test("a range begins where the last single row was chosen, in either direction", () => {
  const begun = toggled(NOTHING, 3, "d");
  expect(rangeTo(begun, 5)).toEqual({ first: 3, last: 5 });
  expect(rangeTo(begun, 1)).toEqual({ first: 1, last: 3 });
  const more = extended(begun, 5, rows("d", "e", "f"));
  expect([[...more.ids], more.at, more.from]).toEqual([["d", "e", "f"], 5, 3]);
});

test("no range is longer than what can be selected", () => {
  const { first, last } = rangeTo(NOTHING, 200_000);
  expect(last - first + 1).toBe(SELECTED_MOST);
});

test("arrows move in a grid and stop at its edges", () => {
  const from = (key: string, at: number) => movedBy(key, at, 4, 3, 10);
  expect(from("ArrowRight", 3)).toBe(4);
  expect(from("ArrowLeft", 0)).toBe(0);
  expect(from("ArrowDown", 1)).toBe(5);
  expect(from("ArrowDown", 7)).toBe(7); // nothing is below
  expect(from("ArrowUp", 2)).toBe(2);
  expect(from("PageDown", 1)).toBe(9);
  expect(from("End", 1)).toBe(9);
  expect(from("Home", 9)).toBe(0);
  expect(from("x", 1)).toBeUndefined();
});
