/** The newest events of the journal, newest first; what happened while the connection was lost is fetched by cursor. */
import { connections, query, subscribe } from "../api/connection";
import { type EventRowFragment, EventsSinceDocument, LatestEventsDocument } from "../gql/graphql";
import { createStore } from "../ui/store";

export type Event = EventRowFragment;
const SHOWN = 100;

export const events = createStore<readonly Event[] | undefined>(undefined);

/** Why no events come; undefined: they do, or are on their way. */
export const eventsError = createStore<Error | undefined>(undefined);

let stop = () => {};
let reading = 0; // the number of the last request: an answer that comes too late changes nothing

/** Reads the newest events, and follows those that come after. */
export function readEvents(): void {
  stop();
  const number = ++reading;
  query(LatestEventsDocument, { last: SHOWN }).then(({ events: found }) => {
    if (number !== reading) return;
    eventsError.set(undefined);
    const edges = found?.edges ?? [];
    events.set(edges.map((edge) => edge.node).reverse());
    follow(edges.at(-1)?.cursor ?? null);
  }, eventsError.set);
}

function follow(from: string | null): void {
  let cursor = from;
  stop = subscribe(
    EventsSinceDocument,
    () => ({ after: cursor }),
    ({ events: event }) => {
      // A power cut of the machine may take the last events from the journal: later ones have their ids.
      if (Number(event.id) <= Number(cursor)) return readEvents();
      cursor = event.id;
      eventsError.set(undefined);
      events.set([event, ...(events.get() ?? [])].slice(0, SHOWN));
    },
    eventsError.set,
  );
}

/** Follows the events for as long as the page lives. */
export function followEvents(): void {
  connections.subscribe(() => {
    if (events.get() === undefined || eventsError.get()) readEvents();
  });
}
