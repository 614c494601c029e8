import { expect, test } from "vitest";
import { chosen, FILES_MOST, read } from "./dropped";

const file = (name: string) => ({
  name,
  isDirectory: false,
  file: (found: (file: File) => void) => found(new File([], name)),
});
const broken = (name: string) => ({
  name,
  isDirectory: false,
  file: (_: unknown, failed: (error: Error) => void) => failed(new Error("gone")),
});
/** Tells what is in it in parts of two, as browsers tell it in parts. */
const folder = (name: string, ...inside: object[]) => ({
  name,
  isDirectory: true,
  createReader: () => {
    const left = [...inside];
    return { readEntries: (found: (some: object[]) => void) => found(left.splice(0, 2)) };
  },
});
const all = (...entries: object[]) => read(entries as unknown as FileSystemEntry[]);

test("files keep their ways through the folders, in the order of the folders", async () => {
  const tree = folder(
    "top",
    file("a"),
    folder("deep", file("b"), file("c"), file("d")),
    folder("none"),
    file("e"),
  );
  const { files, empty, unread, more } = await all(tree, file("alone"));
  expect(files.map((one) => `${one.way}|${one.file.name}`)).toEqual([
    "top|a",
    "top/deep|b",
    "top/deep|c",
    "top/deep|d",
    "top|e",
    "|alone",
  ]);
  expect([empty, unread, more]).toEqual([["top/none"], [], false]);
});

test("what cannot be read is named, and the rest is taken", async () => {
  const { files, unread } = await all(folder("top", broken("x"), file("y")));
  expect([files.length, unread]).toEqual([1, ["top/x"]]);
});

test("no more is taken than can be uploaded at once", async () => {
  const many = Array.from({ length: FILES_MOST + 1 }, (_, at) => file(String(at)));
  const { files, more } = await all(...many);
  expect([files.length, more]).toEqual([FILES_MOST, true]);
  expect(
    chosen(many.map(({ name }) => Object.assign(new File([], name), { webkitRelativePath: "" }))).more,
  ).toBe(true);
});
