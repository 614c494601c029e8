import { beforeEach, expect, test, vi } from "vitest";

const sent = vi.hoisted(() => ({ command: vi.fn() }));
vi.mock("../api/connection", () => sent);

import { createUndo, type Deleting, type Restoring, undoOf } from "./undo";

const DELETE = "delete" as unknown as Deleting;
const RESTORE = "restore" as unknown as Restoring;
const open = () => createUndo("rows", "bot", DELETE, RESTORE);
const shown = ({ deletions }: ReturnType<typeof open>) => deletions.get().map(({ items }) => items);
const restored = () =>
  sent.command.mock.calls.filter(([which]) => which === RESTORE).flatMap(([, { ids }]) => ids as string[]);
const rows = (count: number, name = "row") => Array.from({ length: count }, (_, at) => `${name}${at}`);

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  vi.useFakeTimers();
  sent.command.mockReset().mockResolvedValue({ deletion: { undoableForS: 60 } });
});

test("each deletion is undone by itself, newest first, also after a reload", async () => {
  const before = open();
  await before.remove(["a", "b"], false);
  await before.remove(["c"], true);
  const undo = open();
  expect(shown(undo)).toEqual([["c"], ["a", "b"]]);
  await undo.remove(["d"], false);
  expect(shown(undo)).toEqual([["d"], ["c"], ["a", "b"]]);
  await undo.restore(undo.deletions.get()[2]?.number ?? 0);
  expect(restored()).toEqual(["a", "b"]);
  undo.forget(undo.deletions.get()[0]?.number ?? 0);
  expect(shown(open())).toEqual([["c"]]);
});

test("a deletion goes on while another page is shown", async () => {
  const before = undoOf("rows", "bot", DELETE, RESTORE);
  const removing = before.remove(rows(450), false);
  const undo = undoOf("rows", "bot", DELETE, RESTORE);
  await undo.remove(["other"], false);
  await removing;
  expect(shown(undo)).toEqual([["other"], rows(450)]);
  expect(undoOf("rows", "another", DELETE, RESTORE)).not.toBe(undo);
});

test("what can no longer be undone is not offered by the next page", async () => {
  const undo = open();
  await undo.remove(["a"], false);
  vi.advanceTimersByTime(40_000);
  await undo.remove(["b"], false);
  vi.advanceTimersByTime(30_000);
  expect(shown(open())).toEqual([["b"]]);
});

test("a deletion that breaks off is undone as far as it went, also beside another one", async () => {
  const undo = open();
  const ids = rows(450);
  sent.command.mockImplementation(async (_, { ids: some }: { ids: string[] }) => {
    if (some.includes("row400")) throw new Error("no answer");
    return { deletion: { undoableForS: 60 } };
  });
  const broken = undo.remove(ids, false);
  await undo.remove(["other"], false);
  await expect(broken).rejects.toThrow("no answer");
  expect(shown(undo)).toEqual([["other"], ids.slice(0, 400)]);
});

test("what could not be brought back is offered once more", async () => {
  const undo = open();
  const ids = rows(300);
  await undo.remove(ids, false);
  const number = undo.deletions.get()[0]?.number ?? 0;
  sent.command.mockResolvedValueOnce({}).mockRejectedValueOnce(new Error("no answer"));
  await expect(undo.restore(number)).rejects.toThrow("no answer");
  expect(shown(undo)).toEqual([ids.slice(200)]);
});

test("what an earlier release has kept in its own form is left alone", () => {
  const kept = [{ number: 1, ids: ["a"], until: Date.now() + 60_000 }];
  sessionStorage.setItem("mailauncher.deletions.rows.bot", JSON.stringify(kept));
  expect(shown(open())).toEqual([]);
});
