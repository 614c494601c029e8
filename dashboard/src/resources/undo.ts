/** Deletes rows so that it can be undone for a while, and undoes it. What can be undone survives a reload. */
import { command } from "../api/connection";
import type { Operation } from "../api/operation";
import { createStore, type Store } from "../ui/store";
import { portions } from "./portions";

/** What was deleted at once, and can be brought back at once. */
export interface Deletion {
  /** Tells it from others of this tab. */
  number: number;
  ids: readonly string[];
  /** Until when it can be undone, in milliseconds since 1970 by this browser's clock. */
  until: number;
}

export interface Undo {
  /** What can be undone, newest first. */
  deletions: Omit<Store<readonly Deletion[]>, "set">;
  /** Those that were deleted before a command failed can be brought back too. */
  remove(ids: readonly string[], fromBot: boolean): Promise<void>;
  restore(number: number): Promise<void>;
  forget(number: number): void;
}

export type Deleting = Operation<
  { deletion: { undoableForS: number | null } | null },
  { instanceId: string; ids: string[]; fromBot: boolean }
>;
export type Restoring = Operation<unknown, { instanceId: string; ids: string[] }>;

const opened = new Map<string, Undo>();

/** The one of a kind and a bot: a deletion of many rows goes on while other pages are shown. */
export function undoOf(kind: string, instanceId: string, deleting: Deleting, restoring: Restoring): Undo {
  const name = `${kind}.${instanceId}`;
  const found = opened.get(name) ?? createUndo(kind, instanceId, deleting, restoring);
  opened.set(name, found);
  return found;
}

export function createUndo(kind: string, instanceId: string, deleting: Deleting, restoring: Restoring): Undo {
  const name = `mailauncher.deletions.${kind}.${instanceId}`;
  const deletions = createStore(read(name));
  let last = deletions.get()[0]?.number ?? 0;
  const find = (number: number) => deletions.get().find((one) => one.number === number);
  const keep = (next: readonly Deletion[]) => {
    deletions.set(next);
    if (next.length) sessionStorage.setItem(name, JSON.stringify(next));
    else sessionStorage.removeItem(name);
  };
  const forget = (number: number) => keep(deletions.get().filter((one) => one.number !== number));
  /** Each has its place by its number: a deletion of many rows grows where it began. */
  const put = (changed: Deletion) => {
    const others = deletions.get().filter(({ number }) => number !== changed.number);
    keep([...others, changed].sort((a, b) => b.number - a.number));
  };
  return {
    deletions,
    remove: async (ids, fromBot) => {
      const number = ++last;
      for (const some of portions(ids)) {
        const asked = Date.now();
        const { deletion } = await command(deleting, { instanceId, ids: some, fromBot });
        const until = asked + 1000 * (deletion?.undoableForS ?? 0);
        const done = find(number);
        put({ number, ids: [...(done?.ids ?? []), ...some], until: Math.min(done?.until ?? until, until) });
      }
    },
    restore: async (number) => {
      for (const some of portions(find(number)?.ids ?? [])) {
        await command(restoring, { instanceId, ids: some });
        const now = find(number);
        const left = now?.ids.filter((id) => !some.includes(id)) ?? [];
        if (now && left.length) put({ ...now, ids: left });
        else forget(number);
      }
    },
    forget,
  };
}

function read(name: string): readonly Deletion[] {
  const kept = JSON.parse(sessionStorage.getItem(name) ?? "[]") as Deletion[];
  return kept.filter(({ until }) => until > Date.now());
}
