import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { BEHIND_MAX, createFlow } from "./flow";

beforeAll(() => {
  vi.useFakeTimers();
});
afterAll(() => {
  vi.useRealTimers();
});

const bytes = (text: string) => new TextEncoder().encode(text);

function setUp() {
  const written: Uint8Array[] = [];
  const waiting: (() => void)[] = [];
  let skipped = 0;
  let unread = 0;
  const flow = createFlow({
    write: (data, _, drawn) => {
      written.push(data);
      waiting.push(drawn);
    },
    skipped: (count) => {
      skipped += count;
    },
    unread: (lines) => {
      unread = lines;
    },
  });
  return {
    flow,
    drawOne: () => waiting.shift()?.(),
    drawAll: () => {
      vi.runAllTimers(); // pauses
      while (waiting.length) {
        waiting.shift()?.();
        vi.runAllTimers();
      }
    },
    text: () => written.map((part) => new TextDecoder().decode(part)).join(""),
    size: () => written.reduce((sum, part) => sum + part.length, 0),
    skipped: () => skipped,
    unread: () => unread,
  };
}

test("what comes twice is drawn once, also where the repetition ends within a character", () => {
  const { flow, text, drawAll } = setUp();
  flow.take(bytes("one 麦"), 0);
  flow.take(bytes("one 麦麦 two"), 0);
  flow.take(bytes("two"), 11);
  flow.take(bytes(" three"), 14);
  drawAll();
  expect(text()).toBe("one 麦麦 two three");
  expect(flow.end()).toBe(20);
});

test("an empty output moves the offset, and skips nothing", () => {
  const { flow, skipped } = setUp();
  flow.take(bytes("abc"), 0);
  flow.take(bytes(""), 10);
  flow.take(bytes("d"), 10);
  expect(skipped()).toBe(0);
  expect(flow.end()).toBe(11);
});

test("a flood is drawn near its end, and every byte is drawn or told", () => {
  const { flow, drawOne, drawAll, text, size, skipped } = setUp();
  const line = `${"x".repeat(63)}\n`;
  const piece = bytes(line.repeat(1024));
  const pieces = 300;
  for (let number = 0; number < pieces; number += 1) {
    flow.take(piece, number * piece.length);
    if (number % 3 === 0) drawOne();
  }
  drawAll();
  expect(skipped()).toBeGreaterThan(0);
  expect(size() + skipped()).toBe(pieces * piece.length);
  expect(
    text()
      .split("\n")
      .every((found) => found === "" || found.length === 63),
  ).toBe(true);
});

test("up to 2 MiB behind nothing is left out", () => {
  const { flow, drawAll, size, skipped } = setUp();
  const piece = bytes("y\n".repeat(32 << 10));
  for (let offset = 0; offset < BEHIND_MAX; offset += piece.length) flow.take(piece, offset);
  drawAll();
  expect(skipped()).toBe(0);
  expect(size()).toBe(BEHIND_MAX);
});

test("while it is held nothing is drawn and lines are counted; then all of them are drawn", () => {
  const { flow, drawAll, text, unread } = setUp();
  flow.take(bytes("before\n"), 0);
  drawAll();
  flow.hold(true);
  flow.take(bytes("one\ntwo\n"), 7);
  flow.take(bytes("three\n"), 15);
  drawAll();
  expect(text()).toBe("before\n");
  expect(unread()).toBe(3);
  flow.hold(false);
  drawAll();
  expect(text()).toBe("before\none\ntwo\nthree\n");
});

test("what the server has left out is told", () => {
  const { flow, skipped } = setUp();
  flow.take(bytes("abc"), 0);
  flow.take(bytes("xyz"), 100);
  expect(skipped()).toBe(97);
});
