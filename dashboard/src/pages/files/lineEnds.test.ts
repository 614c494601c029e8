import { expect, test } from "vitest";
import { contentOf, linesOf } from "./lineEnds";

test("a text of one kind of line ends is saved as it was read", () => {
  for (const content of ["", "a", "a\nb\n", "a\r\nb\r\n", "a\r\n\r\n"]) {
    const { text, crlf, mixed } = linesOf(content);
    expect(mixed).toBe(false);
    expect(text).not.toContain("\r");
    expect(contentOf(text, crlf)).toBe(content);
  }
});

test("of several kinds the most frequent counts, and it is told", () => {
  expect(linesOf("a\r\nb\r\nc\n")).toEqual({ text: "a\nb\nc\n", crlf: true, mixed: true });
  expect(linesOf("a\r\nb\nc\n")).toEqual({ text: "a\nb\nc\n", crlf: false, mixed: true });
  expect(linesOf("a\rb")).toEqual({ text: "a\nb", crlf: false, mixed: true });
});
