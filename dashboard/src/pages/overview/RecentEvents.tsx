import { Link } from "wouter";
import { useText } from "../../i18n/text";
import { events, eventsError, readEvents } from "../../live/events";
import { EventList } from "../../ui/EventList";
import { Card, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";

const SHOWN = 10;

export function RecentEvents() {
  const text = useText();
  const found = useStore(events);
  const error = useStore(eventsError);
  return (
    <Card title={text("events.recent")} extra={<Link href="/events">{text("events.all")}</Link>}>
      {error && <Unread error={error} again={readEvents} />}
      {found && <EventList events={found.slice(0, SHOWN)} />}
      {!found && !error && <Skeleton label={text("events.recent")} lines={SHOWN} />}
    </Card>
  );
}
