/** The journal, newest first: as it grows, and as far back as one asks. */
import { useState } from "react";
import { query } from "../api/connection";
import { useQuery } from "../api/useQuery";
import { LatestEventsDocument } from "../gql/graphql";
import { useText } from "../i18n/text";
import { type Event, events } from "../live/events";
import { EventList } from "./EventList";
import { Button, css as parts, Skeleton, Unread } from "./parts";
import { useStore } from "./store";

const PAGE = 50;

export function EventHistory() {
  const text = useText();
  const first = useQuery(LatestEventsDocument, { last: PAGE });
  const live = useStore(events) ?? [];
  const [older, setOlder] = useState<readonly Event[]>([]);
  const [error, setError] = useState<Error>();
  const [ended, setEnded] = useState(false);
  if (first.error && !first.data) return <Unread error={first.error} again={first.again} />;
  if (!first.data) return <Skeleton label={text("events.title")} lines={8} />;
  const read = (first.data.events?.edges ?? []).map((edge) => edge.node).reverse();
  const since = live.filter((event) => isNewer(event, read[0]));
  const shown = [...since, ...read, ...older];
  const more = () =>
    query(LatestEventsDocument, { last: PAGE, before: shown.at(-1)?.id ?? null }).then(
      ({ events: found }) => {
        const edges = found?.edges ?? [];
        setOlder([...older, ...edges.map((edge) => edge.node).reverse()]);
        setEnded(edges.length < PAGE);
        setError(undefined);
      },
      setError,
    );
  return (
    <>
      <EventList events={shown} />
      {error && <Unread error={error} again={() => void more()} />}
      {!ended && read.length === PAGE && (
        <div className={parts.row}>
          <Button onClick={() => void more()}>{text("events.older")}</Button>
        </div>
      )}
    </>
  );
}

function isNewer(event: Event, than: Event | undefined): boolean {
  return than === undefined || Number(event.id) > Number(than.id);
}
