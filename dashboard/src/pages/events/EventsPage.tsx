import { useText } from "../../i18n/text";
import { EventHistory } from "../../ui/EventHistory";
import { Card } from "../../ui/parts";

export default function EventsPage() {
  const text = useText();
  return (
    <>
      <h1>{text("events.title")}</h1>
      <Card title={text("events.all")}>
        <EventHistory />
      </Card>
    </>
  );
}
