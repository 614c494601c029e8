import { expect, test, vi } from "vitest";

vi.mock("../../i18n/language", () => ({ language: { get: () => "en" } }));

import { reportOf } from "./report";

const HEAD = { success: true, message: "m", created: 1, updated: 0, skipped: 0, failed: 2 };

async function* inPieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

test("a report is the same in pieces of any size, whatever its texts say", async () => {
  const lines = [
    { line: 1, status: "created", user_id: '[{"line":7}]},{"line":8' },
    { line: 2, status: "failed", message: '新 ,{"line":3,"status":"created"} \\",{' },
    { line: 30, status: "failed", user_id: "]}", message: "]}" },
  ];
  const text = JSON.stringify({ ...HEAD, lines });
  for (let size = 1; size <= text.length; size++) {
    const report = await reportOf(inPieces(text, size));
    expect(report.lines).toEqual(lines);
    expect(report.counts).toEqual({ created: 1, updated: 0, skipped: 0, failed: 2 });
  }
});

test("a report of no line", async () => {
  const text = JSON.stringify({ ...HEAD, lines: [] });
  expect((await reportOf(inPieces(text, 7))).lines).toEqual([]);
});

test("a report that was cut off is none", async () => {
  const text = JSON.stringify({ ...HEAD, lines: [{ line: 1, status: "created" }] });
  await expect(reportOf(inPieces(text.slice(0, -4), 7))).rejects.toThrow();
});
