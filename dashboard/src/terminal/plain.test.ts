import { expect, test } from "vitest";
import { plain } from "./plain";

test("colours, titles and cursor movements leave the text alone", () => {
  expect(plain("\x1b[1;31merror\x1b[0m: \x1b]0;title\x07no \x1b[2Kport")).toBe("error: no port");
});

test("of a line that was written over, its last form stays", () => {
  expect(plain("10 %\r50 %\r100 %\r\ndone\r\n")).toBe("100 %\ndone\n");
});

test("a sequence that is cut off at the end eats nothing before it", () => {
  expect(plain("text\x1b[")).toContain("text");
});

test("tabs, Chinese and emoji with joiners stay", () => {
  expect(plain("a\t麦麦 👩‍👩‍👧")).toBe("a\t麦麦 👩‍👩‍👧");
});
