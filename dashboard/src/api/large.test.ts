import { expect, test, vi } from "vitest";

vi.mock("../i18n/language", () => ({ language: { get: () => "en" } }));

import { isLarge } from "./large";

test("what is large is so wherever it stands", () => {
  const long = "x".repeat(150_000);
  expect(isLarge({ text: long })).toBe(true);
  expect(isLarge({ input: { profile: { notes: [long] } } })).toBe(true);
  expect(isLarge({ id: "bot", text: "short", edits: [] })).toBe(false);
});
