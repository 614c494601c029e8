import { expect, test, vi } from "vitest";

vi.mock("../api/connection", () => ({ connections: { subscribe: () => () => {} } }));

import { createPaged, itemAt, PAGE, type Reader } from "./paged";

/** A server whose list grows at its beginning; it notes what it was asked for. */
function server(length: number) {
  let items = Array.from({ length }, (_, place) => length - place);
  const asked: string[] = [];
  let failing = false;
  const read: Reader<string, number> = async (query, after, skip, count) => {
    asked.push(`${query} ${after ?? "-"} ${skip}`);
    if (failing) throw new Error("no");
    const begin = after === null ? 0 : items.findIndex((item) => item < Number(after));
    const found = items.slice(begin + skip, begin + skip + PAGE);
    return {
      items: found.map((item) => ({ cursor: String(item), item })),
      total: count ? items.length : undefined,
    };
  };
  return {
    read,
    asked,
    fail: (now: boolean) => {
      failing = now;
    },
    add: () => {
      items = [(items[0] ?? 0) + 1, ...items];
    },
  };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("only what is seen is read, far down too, and what is added meanwhile moves nothing", async () => {
  const { read, asked, add } = server(100_000);
  const list = createPaged(read);
  list.watch("q", () => {});
  await settled();
  expect(list.get().total).toBe(100_000);
  add();
  list.see(50_000, 50_099);
  await settled();
  expect(itemAt(list.get(), 50_000)).toBe(50_000);
  expect(itemAt(list.get(), 25_000)).toBeUndefined();
  expect(asked).toEqual(["q - 0", "q 100000 49999"]);
});

test("what is read anew stays shown meanwhile, and says what is new then", async () => {
  const { read, add } = server(250);
  const list = createPaged(read);
  list.watch("q", () => {});
  list.see(100, 120);
  await settled();
  add();
  list.again();
  expect(itemAt(list.get(), 110)).toBe(140);
  await settled();
  expect(list.get().total).toBe(251);
  expect(itemAt(list.get(), 110)).toBe(141);
});

test("a failure is told, what was read stays, and it is read when asked again", async () => {
  const { read, fail } = server(250);
  const list = createPaged(read);
  list.watch("q", () => {});
  await settled();
  fail(true);
  list.see(200, 220);
  await settled();
  expect([list.get().error?.message, itemAt(list.get(), 0)]).toEqual(["no", 250]);
  fail(false);
  list.again();
  await settled();
  expect([list.get().error, itemAt(list.get(), 200)]).toEqual([undefined, 50]);
});

test("all rows of a range can be had, and few pages are kept", async () => {
  const { read } = server(30_000);
  const list = createPaged(read);
  list.watch("q", () => {});
  await settled();
  expect(await list.all(95, 305)).toEqual(Array.from({ length: 211 }, (_, place) => 29_905 - place));
  for (let row = 0; row < 30_000; row += PAGE) {
    list.see(row, row);
    await settled();
  }
  expect(list.get().pages.size).toBeLessThan(50);
  expect(itemAt(list.get(), 29_950)).toBe(50);
});

test("a page that was counted from a former beginning is read again", async () => {
  const { read, add } = server(250);
  const held: (() => void)[] = [];
  const list = createPaged<string, number>(async (...asked) => {
    const slice = await read(...asked);
    await new Promise<void>((answer) => held.push(answer));
    return slice;
  });
  const answerAll = async () => {
    await settled();
    while (held.length > 0) {
      held.shift()?.();
      await settled();
    }
  };
  list.watch("q", () => {});
  await answerAll();
  add();
  list.again();
  list.see(200, 210); // asked for before the new beginning is known
  await answerAll();
  expect(itemAt(list.get(), 200)).toBe(51);
});
