/** What each program uses now, by the id of its terminal. */
import { subscribe } from "../api/connection";
import { UsageChangedDocument, type UsageNowFragment } from "../gql/graphql";
import { createStore } from "../ui/store";

export const usage = createStore<ReadonlyMap<string, UsageNowFragment>>(new Map());

export function followUsage(): () => void {
  return subscribe(
    UsageChangedDocument,
    () => ({}),
    ({ usageChanged }) => {
      const next = new Map(usage.get());
      for (const { sessionId, usage: now } of usageChanged) next.set(sessionId, now);
      usage.set(next);
    },
  );
}
