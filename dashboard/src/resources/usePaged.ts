/** The part of a long list that is shown, for a component; read anew after each sync of its bot that has changed something. */
import { useCallback, useSyncExternalStore } from "react";
import { events } from "../live/events";
import { useStore } from "../ui/store";
import type { Paged, Shown } from "./paged";

export function usePaged<Query extends { id: string }, Item>(
  list: Paged<Query, Item>,
  query: Query,
): Shown<Item> {
  const synced = useStore(events)?.find(({ kind, instanceId }) => kind === "sync" && instanceId === query.id);
  const key = JSON.stringify([query, synced?.id]);
  const subscribe = useCallback(
    (changed: () => void) => list.watch((JSON.parse(key) as [Query])[0], changed),
    [list, key],
  );
  return useSyncExternalStore(subscribe, list.get);
}
