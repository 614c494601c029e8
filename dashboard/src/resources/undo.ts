/** Deletes rows so that it can be undone for a while, and undoes it. */
import { command } from "../api/connection";
import type { Operation } from "../api/operation";
import { createOffers, type Offers } from "./offers";
import { portions } from "./portions";

export interface Undo {
  /** The ids of what was deleted. */
  deletions: Offers<string>["all"];
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
  // The server has a limit for each command.
  const offers = createOffers<string>(`mailauncher.deleted.${kind}.${instanceId}`, Math.min);
  return {
    deletions: offers.all,
    remove: async (ids, fromBot) => {
      const number = offers.next();
      for (const some of portions(ids)) {
        const asked = Date.now();
        const { deletion } = await command(deleting, { instanceId, ids: some, fromBot });
        offers.add(number, some, asked + 1000 * (deletion?.undoableForS ?? 0));
      }
    },
    restore: async (number) => {
      for (const some of portions(offers.find(number)?.items ?? [])) {
        await command(restoring, { instanceId, ids: some });
        offers.take(number, some);
      }
    },
    forget: offers.forget,
  };
}
