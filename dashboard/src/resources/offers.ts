/** What can be undone for a while, newest first. It survives a reload, unless it is too much for the browser. */
import { createStore, type Store } from "../ui/store";

export interface Offer<Item> {
  /** Tells it from others of this tab. */
  number: number;
  /** What was done at once, and can be undone at once. */
  items: readonly Item[];
  /** Until when it can be undone, in milliseconds since 1970 by this browser's clock. */
  until: number;
}

export interface Offers<Item> {
  all: Omit<Store<readonly Offer<Item>[]>, "set">;
  /** The number of the next one. */
  next(): number;
  find(number: number): Offer<Item> | undefined;
  /** Adds to what was done under a number by one more command. */
  add(number: number, items: readonly Item[], until: number): void;
  /** Takes items away that were undone. */
  take(number: number, items: readonly Item[]): void;
  forget(number: number): void;
}

/** `end`: until when what took several commands can be undone, of the times of its commands. */
export function createOffers<Item>(name: string, end: (...times: number[]) => number): Offers<Item> {
  const all = createStore(read<Item>(name));
  let last = all.get()[0]?.number ?? 0;
  const find = (number: number) => all.get().find((one) => one.number === number);
  const keep = (next: readonly Offer<Item>[]) => {
    all.set(next);
    try {
      if (next.length) sessionStorage.setItem(name, JSON.stringify(next));
      else sessionStorage.removeItem(name);
    } catch {
      sessionStorage.removeItem(name); // it can be undone until the page is left
    }
  };
  const forget = (number: number) => keep(all.get().filter((one) => one.number !== number));
  /** Each has its place by its number: what takes many commands grows where it began. */
  const put = (changed: Offer<Item>) => {
    const others = all.get().filter(({ number }) => number !== changed.number);
    keep([...others, changed].sort((a, b) => b.number - a.number));
  };
  return {
    all,
    next: () => ++last,
    find,
    add: (number, items, until) => {
      const done = find(number);
      put({
        number,
        items: [...(done?.items ?? []), ...items],
        until: end(done?.until ?? until, until),
      });
    },
    take: (number, items) => {
      const now = find(number);
      const left = now?.items.filter((item) => !items.includes(item)) ?? [];
      if (now && left.length) put({ ...now, items: left });
      else forget(number);
    },
    forget,
  };
}

function read<Item>(name: string): readonly Offer<Item>[] {
  const kept = JSON.parse(sessionStorage.getItem(name) ?? "[]") as Offer<Item>[];
  return kept.filter(({ until }) => until > Date.now());
}
