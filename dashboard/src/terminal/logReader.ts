/** Reads a terminal's log part by part: from its end, or from a line or a moment in it, towards both sides. */
import { query } from "../api/connection";
import { LogPartDocument, type LogPartQuery, type LogPartQueryVariables } from "../gql/graphql";
import { createStore } from "../ui/store";

const PART_BYTES = 64 << 10;

/** Where to begin to read: at an offset in bytes, or at what was printed from a time on. */
export type Beginning = { at: number } | { since: string };

type Part = NonNullable<LogPartQuery["terminalLog"]>;

interface LogText {
  /** What was printed before the line that is shown, or up to the end; undefined: not read yet. */
  before: readonly Part[] | undefined;
  /** What was printed from that line on. */
  after: readonly Part[];
  oldest: boolean;
  newest: boolean;
  error: Error | undefined;
}

export interface LogReader {
  get(): LogText;
  /** Begins to read with the first who looks. */
  subscribe(changed: () => void): () => void;
  begin(): void;
  older(): void;
  newer(): void;
}

export function createLogReader(sessionId: string, from: Beginning | undefined): LogReader {
  const log = createStore<LogText>({
    before: undefined,
    after: [],
    oldest: false,
    newest: from === undefined,
    error: undefined,
  });
  const read = async (place: Pick<LogPartQueryVariables, "before" | "after" | "since">): Promise<Part> => {
    const { terminalLog } = await query(LogPartDocument, { sessionId, bytes: PART_BYTES, ...place });
    if (!terminalLog) throw new Error("no answer"); // the schema says: with an error only
    return terminalLog;
  };
  const merge = (work: Promise<Partial<LogText>>) =>
    work.then(
      (part) => log.set({ ...log.get(), error: undefined, ...part }),
      (error: Error) => log.set({ ...log.get(), error }),
    );
  const isEmpty = ({ offset, end }: Part) => offset === end;

  const begin = async (): Promise<Partial<LogText>> => {
    if (from === undefined) {
      const last = await read({});
      return { before: [last], oldest: isEmpty(last) };
    }
    const after = await read("at" in from ? { after: from.at } : { since: from.since });
    const before = await read({ before: "at" in from ? from.at : after.offset });
    return { before: [before], after: [after], oldest: isEmpty(before), newest: isEmpty(after) };
  };
  const older = async (): Promise<Partial<LogText>> => {
    const parts = log.get().before ?? [];
    const part = await read({ before: parts[0]?.offset ?? null });
    return { before: [part, ...parts], oldest: isEmpty(part) };
  };
  const newer = async (): Promise<Partial<LogText>> => {
    const parts = log.get().after;
    const part = await read({ after: parts.at(-1)?.end ?? null });
    return { after: [...parts, part], newest: isEmpty(part) };
  };
  return {
    get: log.get,
    subscribe: (changed) => {
      const unwatch = log.subscribe(changed);
      if (log.get().before === undefined) void merge(begin());
      return unwatch;
    },
    begin: () => void merge(begin()),
    older: () => void merge(older()),
    newer: () => void merge(newer()),
  };
}
