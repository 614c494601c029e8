/** Deletes rows so that it can be undone for a while, and undoes it. What can be undone survives a reload. */
import { command } from "../api/connection";
import type { Operation } from "../api/operation";
import { createStore, type Store } from "../ui/store";

/** As many ids are in one command. */
const AT_ONCE = 200;

interface Deleted {
  ids: readonly string[];
  /** Until when it can be undone, in milliseconds since 1970 by this browser's clock. */
  until: number;
}

export interface Undo {
  deleted: Store<Deleted | undefined>;
  /** Those that were deleted before a command failed can be brought back too. */
  remove(ids: readonly string[], fromBot: boolean): Promise<void>;
  restore(): Promise<void>;
  forget(): void;
}

export type Deleting = Operation<
  { deletion: { undoableForS: number | null } | null },
  { instanceId: string; ids: string[]; fromBot: boolean }
>;
export type Restoring = Operation<unknown, { instanceId: string; ids: string[] }>;

export function createUndo(kind: string, instanceId: string, deleting: Deleting, restoring: Restoring): Undo {
  const name = `mailauncher.undo.${kind}.${instanceId}`;
  const deleted = createStore(read(name));
  const keep = (next: Deleted | undefined) => {
    if (next) sessionStorage.setItem(name, JSON.stringify(next));
    else sessionStorage.removeItem(name);
    deleted.set(next);
  };
  return {
    deleted,
    remove: async (ids, fromBot) => {
      let done: Deleted | undefined;
      for (const some of parts(ids)) {
        const asked = Date.now();
        const { deletion } = await command(deleting, { instanceId, ids: some, fromBot });
        const until = asked + 1000 * (deletion?.undoableForS ?? 0);
        done = { ids: [...(done?.ids ?? []), ...some], until: Math.min(done?.until ?? until, until) };
        keep(done);
      }
    },
    restore: async () => {
      let left = deleted.get()?.ids ?? [];
      for (const some of parts(left)) {
        await command(restoring, { instanceId, ids: some });
        left = left.slice(some.length);
        const now = deleted.get();
        keep(left.length && now ? { ...now, ids: left } : undefined);
      }
    },
    forget: () => keep(undefined),
  };
}

function* parts(ids: readonly string[]): Generator<string[]> {
  for (let first = 0; first < ids.length; first += AT_ONCE) yield ids.slice(first, first + AT_ONCE);
}

function read(name: string): Deleted | undefined {
  const kept = JSON.parse(sessionStorage.getItem(name) ?? "null") as Deleted | null;
  return kept && kept.until > Date.now() ? kept : undefined;
}
