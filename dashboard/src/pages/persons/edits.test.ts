import { beforeEach, expect, test, vi } from "vitest";

const sent = vi.hoisted(() => ({ command: vi.fn() }));
vi.mock("../../api/connection", () => sent);

import { createEdits } from "./edits";

const NAMES = { username: "u", nickname: "n", avatarUrl: "" };
let full = false;

beforeEach(() => {
  const kept = new Map<string, string>();
  full = false;
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (full) throw new Error("no room");
      kept.set(key, value);
    },
    removeItem: (key: string) => kept.delete(key),
  });
  sent.command.mockReset();
});

test("what was changed becomes what it was, and only that, also after a reload", async () => {
  createEdits("bot").begin({ group: "new", gone: null }, ["username"])({
    message: "",
    persons: [{ etag: "1" }, { etag: "2" }],
    former: [
      { id: "a", ...NAMES, profile: { group: "old", gone: [1], other: true } },
      { id: "b", ...NAMES, username: "", profile: {} },
    ],
  });
  const edits = createEdits("bot");
  sent.command.mockResolvedValue({ updatePersons: { persons: [{ id: "a" }] } });
  expect(await edits.undo(edits.all.get()[0]?.number ?? 0)).toEqual({ done: 1, kept: 1, inexact: 0 });
  expect(sent.command.mock.calls[0]?.[1]).toEqual({
    instanceId: "bot",
    persons: [
      { id: "a", ifMatch: "1", profile: { group: "old", gone: [1] }, username: "u" },
      { id: "b", ifMatch: "2", profile: { group: null, gone: null }, username: "" },
    ],
  });
  expect(edits.all.get()).toEqual([]);
});

test("a former value that the page cannot write as it was is not written", async () => {
  const profile = JSON.parse('{"discord": 123456789012345678, "constructor": null}');
  const edits = createEdits("bot");
  edits.begin(
    { discord: 1, constructor: 2 },
    [],
  )({
    message: "",
    persons: [{ etag: "1" }, { etag: "2" }],
    former: [
      { id: "a", ...NAMES, profile },
      { id: "b", ...NAMES, profile: { discord: "123456789012345678" } },
    ],
  });
  sent.command.mockResolvedValue({ updatePersons: { persons: [{ id: "b" }] } });
  expect(await edits.undo(edits.all.get()[0]?.number ?? 0)).toEqual({ done: 1, kept: 0, inexact: 1 });
  expect(sent.command.mock.calls.map(([, { persons }]) => persons)).toEqual([
    [{ id: "b", ifMatch: "2", profile: { discord: "123456789012345678", constructor: null } }],
  ]);
  expect(edits.all.get()).toEqual([]);
});

test("an edit that takes long can be undone for a while after its end", () => {
  vi.useFakeTimers();
  try {
    const edits = createEdits("bot");
    const note = edits.begin({ a: 1 }, []);
    for (const id of ["a", "b"]) {
      note({ message: "", persons: [{ etag: id }], former: [{ id, ...NAMES, profile: {} }] });
      vi.advanceTimersByTime(50_000);
    }
    expect(
      createEdits("bot")
        .all.get()[0]
        ?.items.map(({ id }) => id),
    ).toEqual(["a", "b"]);
    vi.advanceTimersByTime(10_000);
    expect(createEdits("bot").all.get()).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test("an edit that is too much for the browser can be undone until the page is left", () => {
  full = true;
  const edits = createEdits("bot");
  edits.begin(
    { a: 1 },
    [],
  )({
    message: "",
    persons: [{ etag: "1" }],
    former: [{ id: "a", ...NAMES, profile: {} }],
  });
  expect(edits.all.get().length).toBe(1);
  expect(createEdits("bot").all.get()).toEqual([]);
});
