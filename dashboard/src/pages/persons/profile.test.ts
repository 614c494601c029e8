import { expect, test } from "vitest";
import { changeOf, InexactNumber, joinedChange, textOf } from "./profile";

test("keys that were removed from the text are removed from the profile", () => {
  expect(changeOf({ a: 1, b: 2 }, '{"b": 3, "c": [4]}')).toEqual({ a: null, b: 3, c: [4] });
  expect(changeOf({ a: 1 }, " ")).toEqual({ a: null });
  expect(changeOf({ a: 1 }, textOf({ a: 1 }))).toEqual({});
  expect(changeOf({ toString: 1 }, "{}")).toEqual({ toString: null });
  expect(changeOf({}, '{"constructor": 1}')).toEqual({ constructor: 1 });
});

test("only an object is a profile", () => {
  for (const typed of ["[1]", "null", '"x"', "{a: 1}", "1"]) expect(() => changeOf({}, typed)).toThrow();
});

test("the profiles of many are changed without knowing them", () => {
  expect(joinedChange('{"a": 1}', ["b", "a"])).toEqual({ a: null, b: null });
  expect(joinedChange(" ", [])).toEqual({});
  expect(() => joinedChange("[]", [])).toThrow();
});

test("a number with more digits than numbers have here is not sent, but may be replaced or stay", () => {
  const before = JSON.parse('{"discord": 123456789012345678, "in": [{"it": 12345678901234567890}], "a": 1}');
  const shown = textOf(before);
  expect(changeOf(before, shown.replace('"a": 1', '"a": 2'))).toEqual({ a: 2 });
  expect(changeOf(before, '{"discord": "123456789012345678"}')).toEqual({
    discord: "123456789012345678",
    in: null,
    a: null,
  });
  const refused = [
    shown.replace("680", "679"),
    shown.replace("680", "678"),
    shown.replace('"it"', '"other"'),
    '{"new": 9007199254740993}',
    '{"new": 1e30}',
  ];
  for (const typed of refused) expect(() => changeOf(before, typed)).toThrow(InexactNumber);
  expect(() => joinedChange('{"a": [-123456789012345678]}', [])).toThrow(InexactNumber);
  expect(joinedChange('{"a": "12345678901234567890 \\" 9007199254740993"}', [])).toBeTruthy();
});
