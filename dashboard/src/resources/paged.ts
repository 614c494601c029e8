/**
 * A list of any length of which only pages near what is seen are read, and kept. The first page is the anchor: others are counted
 * from its cursor, so that what is added meanwhile moves nothing. What was read stays shown until it is read anew.
 */
import { connections } from "../api/connection";
import { createStore } from "../ui/store";

export const PAGE = 100;
const PAGES_KEPT = 40;

interface Slice<Item> {
  items: readonly { cursor: string; item: Item }[];
  /** If it was asked for. */
  total: number | undefined;
}

/** Reads a slice; `after` is null for the beginning of the list. */
export type Reader<Query, Item> = (
  query: Query,
  after: string | null,
  skip: number,
  count: boolean,
) => Promise<Slice<Item>>;

export interface Shown<Item> {
  /** Undefined until the first page is read. */
  total: number | undefined;
  error: Error | undefined;
  pages: ReadonlyMap<number, readonly Item[]>;
}

export interface Paged<Query, Item> {
  get(): Shown<Item>;
  /** Reads the list for a query as long as somebody watches, and anew after each new connection. */
  watch(query: Query, changed: () => void): () => void;
  /** What is seen: rows from `first` to `last`. */
  see(first: number, last: number): void;
  again(): void;
  /** The rows from `first` to `last`, also those that are not shown. */
  all(first: number, last: number): Promise<Item[]>;
}

export function itemAt<Item>({ pages }: Shown<Item>, index: number): Item | undefined {
  return pages.get(Math.floor(index / PAGE))?.[index % PAGE];
}

export function createPaged<Query, Item>(read: Reader<Query, Item>): Paged<Query, Item> {
  const shown = createStore<Shown<Item>>({ total: undefined, error: undefined, pages: new Map() });
  let query: Query;
  let anchor: string | null = null;
  let seen = { first: 0, last: 0 };
  let round = 0;
  let stale = new Set<number>();
  let reading = false;

  const readPage = async (number: number): Promise<readonly Item[]> => {
    const skip = number * PAGE;
    const { items } = await (number === 0 || anchor === null
      ? read(query, null, skip, false)
      : read(query, anchor, skip - 1, false));
    return items.map(({ item }) => item);
  };

  const wanted = (): number | undefined => {
    const { total, pages } = shown.get();
    if (total === undefined) return undefined;
    const last = Math.min(seen.last, total - 1);
    for (let number = Math.floor(seen.first / PAGE); number * PAGE <= last; number++) {
      if (!pages.has(number) || stale.has(number)) return number;
    }
    return undefined;
  };

  const fill = async () => {
    if (reading) return;
    reading = true;
    const own = round;
    try {
      for (let next = wanted(); next !== undefined && own === round; next = wanted()) {
        const from = anchor;
        const items = await readPage(next);
        if (own !== round) break;
        if (from !== anchor) continue; // it was counted from another beginning
        stale.delete(next);
        const pages = new Map(shown.get().pages).set(next, items);
        shown.set({ ...shown.get(), error: undefined, pages: nearest(pages, seen.first) });
      }
    } catch (error) {
      if (own === round) shown.set({ ...shown.get(), error: error as Error });
    } finally {
      reading = false;
    }
    if (own !== round) void fill();
  };

  const begin = async (keep: boolean) => {
    const own = ++round;
    try {
      const { items, total } = await read(query, null, 0, true);
      if (own !== round) return;
      anchor = items[0]?.cursor ?? null;
      const first: [number, Item[]] = [0, items.map(({ item }) => item)];
      // Pages that are seen stay until they are read anew: nothing blinks.
      const pages = new Map(keep ? shown.get().pages : []).set(...first);
      stale = new Set([...pages.keys()].filter((number) => number !== 0));
      shown.set({ total: total ?? 0, error: undefined, pages });
      void fill();
    } catch (error) {
      if (own === round) shown.set({ ...shown.get(), error: error as Error });
    }
  };

  return {
    get: shown.get,
    watch: (asked, changed) => {
      const keep = JSON.stringify(asked) === JSON.stringify(query);
      query = asked;
      if (!keep) seen = { first: 0, last: 0 };
      const unwatch = shown.subscribe(changed);
      const unlink = connections.subscribe(() => void begin(true));
      void begin(keep);
      return () => {
        unwatch();
        unlink();
      };
    },
    see: (first, last) => {
      seen = { first, last };
      void fill();
    },
    again: () => void begin(true),
    all: async (first, last) => {
      const items: Item[] = [];
      const own = round;
      for (let number = Math.floor(first / PAGE); number * PAGE <= last; number++) {
        const kept = stale.has(number) ? undefined : shown.get().pages.get(number);
        const page = kept ?? (await readPage(number));
        if (own !== round) break;
        items.push(...page.slice(Math.max(0, first - number * PAGE), last + 1 - number * PAGE));
      }
      return items;
    },
  };
}

/** The pages nearest to a row, as many as are kept. */
function nearest<Item>(pages: Map<number, Item>, row: number): Map<number, Item> {
  if (pages.size <= PAGES_KEPT) return pages;
  const here = Math.floor(row / PAGE);
  const far = (number: number) => (number === 0 ? 0 : Math.abs(number - here));
  return new Map([...pages].sort(([a], [b]) => far(a) - far(b)).slice(0, PAGES_KEPT));
}
