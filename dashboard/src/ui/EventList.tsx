import { Link } from "wouter";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import type { Event } from "../live/events";
import { type Instance, instances } from "../live/instances";
import { terminalOf } from "../live/terminals";
import css from "./EventList.module.css";
import { useStore } from "./store";

/** The address of the log around a place in it. */
function logOf(sessionId: string, offset: number, byId: ReadonlyMap<string, Instance>): string {
  const { instanceId, terminal } = terminalOf(sessionId, byId);
  return `/instances/${instanceId}/log?${new URLSearchParams({ terminal, at: String(offset) })}`;
}

/** Events, newest first. Without `named` the name of the instance is left out: the page says it. `logAt` gives the address of the
 * log for those that know no place in it, too. */
export function EventList({
  events,
  named = true,
  logAt,
}: {
  events: readonly Event[];
  named?: boolean;
  logAt?: (event: Event) => string;
}) {
  const text = useText();
  const numbers = useNumbers();
  const { byId } = useStore(instances);
  if (events.length === 0) return <p>{text("events.none")}</p>;
  return (
    <ol className={css.list}>
      {events.map((event) => {
        const instance = named && event.instanceId ? byId.get(event.instanceId) : undefined;
        const today = new Date(event.at).toDateString() === new Date().toDateString();
        const { sessionId, offset } = event;
        const known = sessionId !== null && offset !== null ? logOf(sessionId, offset, byId) : undefined;
        const log = logAt?.(event) ?? known;
        return (
          <li key={event.id} className={css.event}>
            <time dateTime={event.at} title={numbers.dateTime(event.at)}>
              {today ? numbers.time(event.at) : numbers.dateTime(event.at)}
            </time>
            <span>
              {instance ? <Link href={`/instances/${instance.id}`}>{event.message}</Link> : event.message}
              {log && (
                <Link className={css.caller} href={log}>
                  {text("events.log")}
                </Link>
              )}
              {event.caller && (
                <span className={css.caller}>{text("events.by", { caller: event.caller })}</span>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
