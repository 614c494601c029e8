import { expect, test } from "vitest";
import { changeOf, joinedChange, textOf } from "./profile";

test("keys that were removed from the text are removed from the profile", () => {
  expect(changeOf({ a: 1, b: 2 }, '{"b": 3, "c": [4]}')).toEqual({ a: null, b: 3, c: [4] });
  expect(changeOf({ a: 1 }, " ")).toEqual({ a: null });
  expect(changeOf({ a: 1 }, textOf({ a: 1 }))).toEqual({ a: 1 });
});

test("only an object is a profile", () => {
  for (const typed of ["[1]", "null", '"x"', "{a: 1}", "1"]) expect(() => changeOf({}, typed)).toThrow();
});

test("the profiles of many are changed without knowing them", () => {
  expect(joinedChange('{"a": 1}', ["b", "a"])).toEqual({ a: null, b: null });
  expect(joinedChange(" ", [])).toEqual({});
  expect(() => joinedChange("[]", [])).toThrow();
});
