import { expect, test } from "vitest";
import { contentAddress, escaped, joined, nameOf, wayTo } from "./paths";

test("paths are put together and taken apart", () => {
  expect(joined("", "a")).toBe("a");
  expect(joined("a/b", "c")).toBe("a/b/c");
  expect([nameOf("a/b/c"), nameOf("a")]).toEqual(["c", "a"]);
  expect(wayTo("a/b").map(({ path }) => path)).toEqual(["a", "a/b"]);
  expect(wayTo("")).toEqual([]);
});

test("a name that is typed is that of the file, whatever signs it has", () => {
  expect(escaped("a\\x41")).toBe("a\\\\x41");
  expect(new URL(contentAddress("id", "图 &#/+%.txt"), "http://host").searchParams.get("path")).toBe(
    "图 &#/+%.txt",
  );
});
