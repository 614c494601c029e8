import { Link } from "wouter";
import { useText } from "../../i18n/text";
import { events } from "../../live/events";
import { EventList } from "../../ui/EventList";
import { Card, Skeleton } from "../../ui/parts";
import { useStore } from "../../ui/store";

const SHOWN = 10;

export function RecentEvents() {
  const text = useText();
  const found = useStore(events);
  return (
    <Card title={text("events.recent")} extra={<Link href="/events">{text("events.all")}</Link>}>
      {found ? (
        <EventList events={found.slice(0, SHOWN)} />
      ) : (
        <Skeleton label={text("events.recent")} lines={SHOWN} />
      )}
    </Card>
  );
}
