/** The newest events of the journal, newest first; what happened while the connection was lost is fetched by cursor. */
import { connections, query, subscribe } from "../api/connection";
import { type EventRowFragment, EventsSinceDocument, LatestEventsDocument } from "../gql/graphql";
import { createStore } from "../ui/store";

export type Event = EventRowFragment;
const SHOWN = 100;

export const events = createStore<readonly Event[] | undefined>(undefined);

let cursor: string | null = null;

export function followEvents(): void {
  const follow = () =>
    subscribe(
      EventsSinceDocument,
      () => ({ after: cursor }),
      ({ events: event }) => {
        cursor = event.id;
        events.set([event, ...(events.get() ?? [])].slice(0, SHOWN));
      },
    );
  const unwatch = connections.subscribe(() => {
    if (events.get() !== undefined) return;
    query(LatestEventsDocument, { last: SHOWN }).then(
      ({ events: found }) => {
        if (found === null || events.get() !== undefined) return;
        events.set(found.edges.map((edge) => edge.node).reverse());
        cursor = found.edges.at(-1)?.cursor ?? null;
        unwatch();
        follow();
      },
      () => {},
    );
  });
}
