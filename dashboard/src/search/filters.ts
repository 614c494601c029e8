/** What is searched for, as it stands in the address of the page: a search can be kept, shared and gone back to. */
import type { LogLevel, SearchLogsSubscriptionVariables } from "../gql/graphql";

export const LEVELS: readonly LogLevel[] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const SPANS_MS = { "15m": 900_000, "1h": 3_600_000, "24h": 86_400_000 } as const;
export type Span = keyof typeof SPANS_MS;

export interface Filters {
  text: string;
  regex: boolean;
  caseSensitive: boolean;
  wholeWord: boolean;
  level: LogLevel | "";
  /** The last minutes or hours, `custom` for what `from` and `to` say, or empty for any time. */
  span: Span | "custom" | "";
  /** Local times as an `<input type="datetime-local">` has them; empty for no limit. */
  from: string;
  to: string;
  /** `all`, the id of an instance, or that of a terminal. */
  within: string;
}

/** The filters in an address. `within`: where is searched if it does not say. */
export function filtersOf(parameters: URLSearchParams, within: string): Filters {
  const value = (name: string) => parameters.get(name) ?? "";
  const span = value("time");
  return {
    text: value("q"),
    regex: parameters.has("regex"),
    caseSensitive: parameters.has("case"),
    wholeWord: parameters.has("word"),
    level: LEVELS.find((level) => level === value("level")) ?? "",
    span: span in SPANS_MS || span === "custom" ? (span as Span | "custom") : "",
    from: value("from"),
    to: value("to"),
    within: value("in") || within,
  };
}

/** The filters as parameters of an address, beside those of `others` that are no filters. */
export function parametersOf(filters: Filters, others = new URLSearchParams()): URLSearchParams {
  const custom = filters.span === "custom";
  const values: Record<string, string | boolean> = {
    q: filters.text,
    regex: filters.regex,
    case: filters.caseSensitive,
    word: filters.wholeWord,
    level: filters.level,
    time: filters.span,
    from: custom && filters.from,
    to: custom && filters.to,
    in: filters.within,
  };
  const parameters = new URLSearchParams(others);
  for (const [name, value] of Object.entries(values)) {
    if (value) parameters.set(name, value === true ? "1" : value);
    else parameters.delete(name);
  }
  return parameters;
}

/** The address with another terminal open: a search in the former one becomes one in this. */
export function inTerminal(parameters: URLSearchParams, name: string): URLSearchParams {
  const next = new URLSearchParams(parameters);
  next.set("terminal", name);
  next.delete("at");
  if (next.get("in")?.includes("_")) next.delete("in");
  return next;
}

/** What the server is asked at a time, in milliseconds since 1970. */
export function variablesOf(filters: Filters, now: number): Omit<SearchLogsSubscriptionVariables, "first"> {
  const { text, regex, caseSensitive, wholeWord, level, span, from, to, within } = filters;
  const instant = (local: string) => (local && span === "custom" ? new Date(local).toISOString() : null);
  const last = span === "" || span === "custom" ? null : new Date(now - SPANS_MS[span]).toISOString();
  return {
    text,
    regex,
    caseSensitive,
    wholeWord,
    level: level || null,
    begin: last ?? instant(from),
    end: instant(to),
    instanceId: within === "all" || within.includes("_") ? null : within,
    sessionId: within.includes("_") ? within : null,
  };
}
