/** A profile as text, and the changes that turn one into another. A key that is to go is null in a change. */

export type Profile = Record<string, unknown>;

export function textOf(profile: unknown): string {
  return JSON.stringify(profile ?? {}, null, 2);
}

/** What to send, given how it was. Throws for a text that is no JSON object. */
export function changeOf(before: unknown, typed: string): Profile {
  const after = objectIn(typed);
  const gone = Object.keys((before ?? {}) as Profile).filter((key) => !(key in after));
  return { ...after, ...without(gone) };
}

/** What to send for many profiles, whatever they are. Throws for a text that is no JSON object. */
export function joinedChange(set: string, removed: readonly string[]): Profile {
  return { ...objectIn(set), ...without(removed) };
}

function objectIn(typed: string): Profile {
  const found: unknown = JSON.parse(typed.trim() || "{}");
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Error(typed.slice(0, 40));
  return found as Profile;
}

function without(keys: readonly string[]): Profile {
  return Object.fromEntries(keys.map((key) => [key, null]));
}
