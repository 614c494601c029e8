import { describe, expect, it } from "vitest";
import type { Value } from "./file";
import { arraysIn, isChangedBy, nameIn, sectionsOf, titleOf } from "./sections";

const value = (path: string, shape: Value["shape"] = "STRING", written: unknown = "x"): Value => ({
  path: path.split("."),
  shape,
  value: written,
  comment: shape === "TABLE" ? `about ${path}` : "",
  secret: false,
  line: 1,
  start: 0,
  end: 0,
});

const VALUES = [
  value("top"),
  value("bot", "TABLE"),
  value("bot.name"),
  value("models", "ARRAY"),
  value("models.0", "TABLE"),
  value("models.0.name", "STRING", "alpha"),
  value("models.1", "TABLE"),
  value("models.1.price", "FLOAT", 1),
];

describe("the sections of the form", () => {
  const sections = sectionsOf(VALUES);
  const [, , models] = sections;
  if (!models) throw new Error("no third section");

  it("have a value of the top apart, and the comment of their header", () => {
    expect(sections.map(({ name, comment, rows }) => [name, comment, rows.length])).toEqual([
      ["", "", 1],
      ["bot", "about bot", 1],
      ["models", "", 5],
    ]);
  });

  it("name elements by their number, and by their own name", () => {
    const arrays = arraysIn(models.rows);
    expect(models.rows.slice(2).map((row) => nameIn(models, row, arrays))).toEqual([
      "#1.name",
      "#2",
      "#2.price",
    ]);
    expect(titleOf(value("models.0", "TABLE"), models.rows)).toBe("#1 alpha");
    expect(titleOf(value("models.1", "TABLE"), models.rows)).toBe("#2");
  });

  it("mark what has changed, and what is in an array that has", () => {
    expect(isChangedBy(["models"], ["models", "1", "price"])).toBe(true);
    expect(isChangedBy(["bot.name"], ["bot", "name"])).toBe(true);
    expect(isChangedBy(["bot.name"], ["bot", "name2"])).toBe(false);
  });
});
