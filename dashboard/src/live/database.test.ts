import { afterEach, beforeEach, expect, test, vi } from "vitest";

const server = vi.hoisted(() => ({ query: vi.fn() }));
vi.mock("../api/connection", async () => {
  const { createStore } = await import("../ui/store");
  return { query: server.query, connections: createStore(0) };
});

const NOW = { system: "SQLite", version: "3", answerMs: 1 };
let live: typeof import("./database");
let connections: { set(number: number): void };

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  server.query.mockReset();
  live = await import("./database");
  ({ connections } = await import("../api/connection"));
});

afterEach(() => {
  vi.useRealTimers();
});

test("a key that may not know of the database does not ask again, until there is a new connection", async () => {
  const { ApiError } = await import("../api/errors");
  server.query.mockRejectedValue(new ApiError("limited", "PERMISSION_DENIED"));
  const stop = live.followDatabase();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.query.mock.calls.length).toBe(1);
  server.query.mockResolvedValue({ systemDatabase: NOW });
  connections.set(1); // perhaps with another key
  await vi.advanceTimersByTimeAsync(15_000);
  expect(server.query.mock.calls.length).toBe(3);
  expect(live.database.get()).toEqual({ now: NOW });
  stop();
});

test("what could not be read is asked again, beside what was read before", async () => {
  server.query.mockResolvedValueOnce({ systemDatabase: NOW }).mockRejectedValueOnce(new Error("no answer"));
  const stop = live.followDatabase();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(live.database.get()).toEqual({ now: NOW, error: new Error("no answer") });
  server.query.mockResolvedValue({ systemDatabase: NOW });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(live.database.get()).toEqual({ now: NOW });
  stop();
});
