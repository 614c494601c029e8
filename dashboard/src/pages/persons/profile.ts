/** A profile as text, and the change that turns one into another. */

type Profile = Record<string, unknown>;

export function textOf(profile: unknown): string {
  return JSON.stringify(profile ?? {}, null, 2);
}

/** What to send, given how it was: keys that are gone are null. Throws for a text that is no JSON object. */
export function changeOf(before: unknown, typed: string): Profile {
  const after: unknown = JSON.parse(typed.trim() || "{}");
  if (typeof after !== "object" || after === null || Array.isArray(after))
    throw new Error(typed.slice(0, 40));
  const gone = Object.keys((before ?? {}) as Profile).filter((key) => !(key in after));
  return { ...(after as Profile), ...Object.fromEntries(gone.map((key) => [key, null])) };
}
