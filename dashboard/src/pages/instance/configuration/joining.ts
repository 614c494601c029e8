/** The text that comes of two changes of one text, by what was chosen for each place. */
import type { MergeConfigTextQuery } from "../../../gql/graphql";

type Merge = NonNullable<MergeConfigTextQuery["mergeConfigText"]>;
export type Part = Merge["parts"][number];
export type Choice = "mine" | "base" | "theirs" | "all";

/** What is taken without a question; undefined for a conflict. */
export function proposed({ origin }: Part): Choice | undefined {
  if (origin === "CONFLICT") return undefined;
  return origin === "THEIRS" ? "theirs" : "mine";
}

interface Texts {
  base: string;
  mine: string;
  theirs: string;
}

/** The joined text; undefined as long as something is to be chosen. */
export function joined(
  parts: readonly Part[],
  texts: Texts,
  choices: ReadonlyMap<Part, Choice>,
): string | undefined {
  const lines = { base: linesOf(texts.base), mine: linesOf(texts.mine), theirs: linesOf(texts.theirs) };
  const linesIn = (part: Part, side: keyof Texts) => lines[side].slice(part[side].first, part[side].last);
  const made: string[] = [];
  for (const part of parts) {
    const choice = choices.get(part) ?? proposed(part);
    if (choice === undefined) return undefined;
    const taken =
      choice === "all" ? [...linesIn(part, "mine"), ...linesIn(part, "theirs")] : linesIn(part, choice);
    // The last line of a text may have no end, and may not be the last one here.
    for (const line of taken) {
      const last = made.at(-1);
      if (last !== undefined && !last.endsWith("\n")) made[made.length - 1] = `${last}\n`;
      made.push(line);
    }
  }
  return made.join("");
}

/** The lines of one side of a part. */
export function linesIn(text: string, { first, last }: Part["base"]): string {
  return linesOf(text).slice(first, last).join("");
}

/** Lines with their ends, as the server counts them. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop();
  return [...lines.map((line) => `${line}\n`), ...(last ? [last] : [])];
}
