/** A profile as text, and the changes that turn one into another. A key that is to go is null in a change. */

export type Profile = Record<string, unknown>;

const STRING_OR_NUMBER = /"(?:\\.|[^"\\])*"|-?\d[\d.eE+-]*/g;

/** A number with more digits than numbers have here: sent back, it would be another one. */
export class InexactNumber extends Error {}

export function textOf(profile: unknown): string {
  return JSON.stringify(profile ?? {}, null, 2);
}

/** What to send, given how it was: only what differs. Throws for a text that is no JSON object, and InexactNumber. */
export function changeOf(before: unknown, typed: string): Profile {
  const former = (before ?? {}) as Profile;
  const after = objectIn(typed);
  const changed = Object.entries(after).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(valueAt(former, key)),
  );
  const gone = Object.keys(former).filter((key) => !Object.hasOwn(after, key));
  return { ...exact(Object.fromEntries(changed)), ...without(gone) };
}

/** What to send for many profiles, whatever they are. Throws for a text that is no JSON object, and InexactNumber. */
export function joinedChange(set: string, removed: readonly string[]): Profile {
  return { ...exact(objectIn(set)), ...without(removed) };
}

/** Undefined if it has no such key. */
export function valueAt(profile: Profile, key: string): unknown {
  return Object.hasOwn(profile, key) ? profile[key] : undefined;
}

/** A number in a value that may not be what the server has. */
export function inexactIn(value: unknown): number | undefined {
  if (typeof value === "number") return Math.abs(value) > Number.MAX_SAFE_INTEGER ? value : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  for (const part of Object.values(value)) {
    const found = inexactIn(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

function exact(profile: Profile): Profile {
  const found = inexactIn(profile);
  if (found !== undefined) throw new InexactNumber(String(found));
  return profile;
}

function objectIn(typed: string): Profile {
  const found: unknown = JSON.parse(typed.trim() || "{}");
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Error(typed.slice(0, 40));
  for (const [literal] of typed.matchAll(STRING_OR_NUMBER))
    if (
      inexactIn(Number(literal)) !== undefined &&
      /^-?\d+$/.test(literal) &&
      String(Number(literal)) !== literal
    )
      throw new InexactNumber(literal);
  return found as Profile;
}

function without(keys: readonly string[]): Profile {
  return Object.fromEntries(keys.map((key) => [key, null]));
}
