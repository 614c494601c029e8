/** The values of a file in the sections of the form: one for each name at its top, and one for the values that stand there. */
import type { Value } from "./file";

export interface Section {
  /** Empty: the values at the top of the file. */
  name: string;
  comment: string;
  rows: Value[];
}

export const isTable = ({ shape }: Value) => shape === "TABLE" || shape === "ARRAY";

export function sectionsOf(values: readonly Value[]): Section[] {
  const sections = new Map<string, Section>();
  for (const value of values) {
    const [first = ""] = value.path;
    const atTop = value.path.length === 1 && !isTable(value);
    const name = atTop ? "" : first;
    const section = sections.get(name) ?? { name, comment: "", rows: [] };
    sections.set(name, section);
    // The header of the section is its title.
    if (value.path.length === 1 && value.shape === "TABLE") section.comment = value.comment;
    else section.rows.push(value);
  }
  return [...sections.values()];
}

/** Whether a value is an element of an array. */
export function isElement({ path }: Value, arrays: ReadonlySet<string>): boolean {
  return arrays.has(path.slice(0, -1).join("."));
}

/** The dotted paths of arrays with tables. */
export function arraysIn(rows: readonly Value[]): ReadonlySet<string> {
  return new Set(rows.filter(({ shape }) => shape === "ARRAY").map(({ path }) => path.join(".")));
}

/** The name of a value in its section: elements are counted from 1, as in their titles. */
export function nameIn(section: Section, { path }: Value, arrays: ReadonlySet<string>): string {
  const steps = path.map((step, at) =>
    arrays.has(path.slice(0, at).join(".")) ? `#${Number(step) + 1}` : step,
  );
  return steps.slice(section.name === "" ? 0 : 1).join(".");
}

/** What an element is called: by its value of that name, if it has one. */
export function titleOf(element: Value, rows: readonly Value[]): string {
  const { length } = element.path;
  const named = rows.find(
    ({ path, value }) =>
      path.length === length + 1 &&
      path.at(-1) === "name" &&
      typeof value === "string" &&
      element.path.every((step, at) => step === path[at]),
  );
  const number = `#${Number(element.path.at(-1)) + 1}`;
  return named ? `${number} ${named.value as string}` : number;
}

/** Whether a value has been changed: it, something in it, or an array that it is in. */
export function isChangedBy(keys: readonly string[], path: readonly string[]): boolean {
  const own = `${path.join(".")}.`;
  return keys.some((key) => own.startsWith(`${key}.`));
}
