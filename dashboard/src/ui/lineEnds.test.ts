import { expect, test } from "vitest";
import { inEditor, isMixed, lineEndOf, withLineEnds } from "./lineEnds";

test("a text of one kind of line ends is saved as it was read", () => {
  for (const content of ["", "a", "a\nb\n", "a\r\nb\r\n", "a\r\n\r\n"]) {
    const text = inEditor(content);
    expect(isMixed(content)).toBe(false);
    expect(text).not.toContain("\r");
    expect(withLineEnds(text, lineEndOf(content))).toBe(content);
  }
});

test("of several kinds the most frequent counts, and it is told", () => {
  const said = (content: string) => [inEditor(content), lineEndOf(content), isMixed(content)];
  expect(said("a\r\nb\r\nc\n")).toEqual(["a\nb\nc\n", "\r\n", true]);
  expect(said("a\r\nb\nc\n")).toEqual(["a\nb\nc\n", "\n", true]);
  expect(said("a\rb")).toEqual(["a\nb", "\n", true]);
});
