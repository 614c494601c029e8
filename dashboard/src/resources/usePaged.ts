/** The part of a long list that is shown, for a component. */
import { useCallback, useSyncExternalStore } from "react";
import type { Paged, Shown } from "./paged";

export function usePaged<Query, Item>(list: Paged<Query, Item>, query: Query): Shown<Item> {
  const key = JSON.stringify(query);
  const subscribe = useCallback(
    (changed: () => void) => list.watch(JSON.parse(key) as Query, changed),
    [list, key],
  );
  return useSyncExternalStore(subscribe, list.get);
}
