import { expect, test } from "vitest";
import { ApiError } from "../api/errors";
import { type Read, saveOver } from "./saving";

type Row = { name: string; note: string };
const read = (name: string, note: string): Read<Row> => ({ row: { name, note }, etag: `${name} ${note}` });

/** A server with one row, which takes changes of what it has only. */
function server(row: Row) {
  let now = read(row.name, row.note);
  const sent: Partial<Row>[] = [];
  return {
    sent,
    now: () => now.row,
    readAgain: async () => now,
    change: (part: Partial<Row>) => {
      const next = { ...now.row, ...part };
      now = read(next.name, next.note);
    },
    send: async (changed: Partial<Row>, over: Read<Row>) => {
      if (over.etag !== now.etag) throw new ApiError("changed meanwhile", "CONFLICT");
      sent.push(changed);
      now = read(changed.name ?? now.row.name, changed.note ?? now.row.note);
    },
  };
}

test("what was typed is saved, and nothing else is sent", async () => {
  const { send, sent, readAgain } = server({ name: "a", note: "b" });
  expect(await saveOver(read("a", "b"), { name: "A", note: "b" }, send, readAgain)).toBeUndefined();
  expect(sent).toEqual([{ name: "A" }]);
});

test("another's change of another field stays", async () => {
  const { send, sent, readAgain, change, now } = server({ name: "a", note: "b" });
  change({ note: "theirs" });
  expect(await saveOver(read("a", "b"), { name: "A", note: "b" }, send, readAgain)).toBeUndefined();
  expect(sent).toEqual([{ name: "A" }]);
  expect(now()).toEqual({ name: "A", note: "theirs" });
});

test("another's change of the same field is told, and nothing is written", async () => {
  const { send, sent, readAgain, change } = server({ name: "a", note: "b" });
  change({ name: "theirs", note: "also" });
  const clash = await saveOver(read("a", "b"), { name: "A", note: "b" }, send, readAgain);
  expect(clash).toEqual({ now: read("theirs", "also"), fields: ["name"] });
  expect(sent).toEqual([]);
});

test("the same change by both is none", async () => {
  const { send, readAgain, change, now } = server({ name: "a", note: "b" });
  change({ name: "A", note: "theirs" });
  expect(await saveOver(read("a", "b"), { name: "A", note: "b" }, send, readAgain)).toBeUndefined();
  expect(now()).toEqual({ name: "A", note: "theirs" });
});

test("what is wrong otherwise is an error", async () => {
  const failing = () => Promise.reject(new ApiError("too long", "INVALID_PARAMETER"));
  const { readAgain } = server({ name: "a", note: "b" });
  await expect(saveOver(read("a", "b"), { name: "A", note: "b" }, failing, readAgain)).rejects.toThrow(
    "too long",
  );
});
