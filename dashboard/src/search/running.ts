/**
 * The search that runs, or ran last. It is one for the whole page, so that its hits stay while they are opened one after the
 * other. It is stopped when nobody looks at it any more.
 */
import { stream } from "../api/connection";
import { SearchLogsDocument, type SearchLogsSubscription } from "../gql/graphql";
import { createStore } from "../ui/store";
import { type Filters, variablesOf } from "./filters";

export type Hit = SearchLogsSubscription["terminalMatches"];
type State = "none" | "running" | "done" | "stopped" | "failed";

export interface Search {
  state: State;
  /** By terminal, oldest first. */
  hits: ReadonlyMap<string, readonly Hit[]>;
  count: number;
  error: Error | undefined;
}

export const HITS_MAX = 10_000;
const LINE_CHARACTERS = 500;
const LEAVE_MS = 300;
const NOTHING: Search = { state: "none", hits: new Map(), count: 0, error: undefined };

export const search = createStore<Search>(NOTHING);

let asked = "";
let watchers = 0;
let end = () => {};

/** Searches anew. */
export function begin(filters: Filters): void {
  end();
  asked = JSON.stringify(filters);
  if (!filters.text) {
    search.set(NOTHING);
    return;
  }
  const hits = new Map<string, Hit[]>();
  const seen = new Set<string>(); // after a lost connection the server begins again
  let drawing = 0;
  const show = (state: State, error?: Error) => {
    cancelAnimationFrame(drawing);
    drawing = 0;
    const copy = new Map([...hits].map(([sessionId, found]) => [sessionId, [...found]]));
    search.set({ state, hits: copy, count: seen.size, error });
  };
  const take = ({ terminalMatches: { sessionId, offset, line } }: SearchLogsSubscription) => {
    const key = `${sessionId} ${offset}`;
    if (seen.has(key)) return;
    seen.add(key);
    const found = hits.get(sessionId) ?? [];
    found.push({ sessionId, offset, line: line.slice(0, LINE_CHARACTERS) });
    hits.set(sessionId, found);
    drawing ||= requestAnimationFrame(() => show("running"));
  };
  show("running");
  const leave = stream(
    SearchLogsDocument,
    { ...variablesOf(filters, Date.now()), first: HITS_MAX },
    {
      next: take,
      error: (error) => show("failed", error),
      complete: () => search.get().state === "running" && show("done"),
    },
  );
  end = () => {
    if (search.get().state === "running") show("stopped");
    cancelAnimationFrame(drawing);
    leave();
  };
}

export function stop(): void {
  end();
}

/** Searches for what a page shows, unless that was done already. Returns what ends the interest in it. */
export function watch(filters: Filters, changed: () => void): () => void {
  const unwatch = search.subscribe(changed);
  watchers++;
  if (JSON.stringify(filters) !== asked || search.get().state === "failed") begin(filters);
  return () => {
    unwatch();
    watchers--;
    // The page to which a hit leads shows the same search a moment later.
    setTimeout(() => watchers === 0 && end(), LEAVE_MS);
  };
}
