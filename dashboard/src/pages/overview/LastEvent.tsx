import { useQuery } from "../../api/useQuery";
import { LatestEventsDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { events } from "../../live/events";
import { useStore } from "../../ui/store";
import css from "./overview.module.css";

/** What happened last to an instance: read when its row comes into view, then kept by the events that the server tells. */
export function LastEvent({ instanceId, name }: { instanceId: string; name: string }) {
  const numbers = useNumbers();
  const live = useStore(events)?.find((event) => event.instanceId === instanceId);
  const { data } = useQuery(LatestEventsDocument, { last: 1, instanceId });
  const event = live ?? data?.events?.edges[0]?.node;
  if (!event) return <div className={css.lastEvent} />; // the column has its width from the start
  return (
    <div className={css.lastEvent} title={`${numbers.dateTime(event.at)}  ${event.message}`}>
      {withoutName(event.message, name)}
    </div>
  );
}

/** The row says whose event it is. */
function withoutName(message: string, name: string): string {
  return [": ", "："].reduce(
    (left, colon) => (left.startsWith(name + colon) ? left.slice(name.length + colon.length) : left),
    message,
  );
}
