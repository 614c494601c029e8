import { beforeEach, expect, test, vi } from "vitest";

const answers = vi.hoisted(() => ({ command: () => Promise.resolve({}) as Promise<unknown> }));

vi.hoisted(() => {
  const kept = { getItem: () => null, setItem: () => {}, removeItem: () => {} };
  Object.assign(globalThis, { sessionStorage: kept, addEventListener: () => {} });
});
vi.mock("../../../api/connection", () => ({
  query: () => new Promise(() => {}),
  command: () => answers.command(),
}));

import { openFile } from "./file";
import { restore, undo } from "./saving";

const SAVED = { restartNeeded: false, former: "1", etag: "b", until: 0 };
const written = { file: { text: "old\n", etag: "c", revisions: [] }, restartNeeded: false };
let answer: () => void;

beforeEach(() => {
  answers.command = () =>
    new Promise((resolve) => {
      answer = () => resolve({ restoreConfig: written });
    });
});

test("what is typed while a save is taken back is not lost", async () => {
  const file = openFile("bot", "undo.toml");
  file.read({ text: "new\n", etag: "b" });
  const undone = undo(file, SAVED);
  file.type("new, and more\n");
  answer();
  await undone;
  expect(file.work.get()).toMatchObject({ text: "new, and more\n", base: { text: "old\n", etag: "c" } });
});

test("what was saved is work again, also if the page has read the file before the answer came", async () => {
  const file = openFile("bot", "early.toml");
  file.read({ text: "new\n", etag: "b" });
  const undone = undo(file, SAVED);
  file.read({ text: "old\n", etag: "c" });
  answer();
  await undone;
  expect(file.work.get()).toMatchObject({ text: "new\n", base: { text: "old\n", etag: "c" } });
});

test("what is typed while a version is restored is not lost", async () => {
  const file = openFile("bot", "restore.toml");
  file.read({ text: "new\n", etag: "b" });
  const restored = restore(file, "1");
  file.type("new, and more\n");
  answer();
  await restored;
  expect(file.work.get()).toMatchObject({ text: "new, and more\n", base: { text: "new\n", etag: "b" } });
});

test("a restored version is shown if nothing was typed", async () => {
  const file = openFile("bot", "plain.toml");
  file.read({ text: "new\n", etag: "b" });
  const restored = restore(file, "1");
  answer();
  await restored;
  expect(file.work.get()).toMatchObject({ text: "old\n", base: { text: "old\n", etag: "c" } });
});
