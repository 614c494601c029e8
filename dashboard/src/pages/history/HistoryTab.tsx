/** What a bot did and used: its events, CPU and memory of any time that is kept, on one axis. */
import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";
import { useQuery } from "../../api/useQuery";
import { EventsBetweenDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { type Event, events } from "../../live/events";
import type { Instance } from "../../live/instances";
import { useNow } from "../../ui/clock";
import { EventList } from "../../ui/EventList";
import { Button, Card, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { Figures } from "./Figures";
import css from "./history.module.css";
import { moved, RANGE_NAMES, type Span, spanIn, zoomed } from "./span";
import { TimeLine } from "./TimeLine";
import { useHistoryText } from "./texts";

const EVENTS_MOST = 200;
const NO_EVENTS: readonly Event[] = [];

export default function HistoryTab({ instance }: { instance: Instance }) {
  const text = useHistoryText();
  const shared = useText();
  const numbers = useNumbers();
  const now = useNow();
  const [parameters, setParameters] = useSearchParams();
  const { begin, end, range } = spanIn(parameters, now);
  const span = useMemo(() => ({ begin, end }), [begin, end]);
  const program = parameters.get("terminal") ?? "main";
  const session = instance.terminals.find(({ name }) => name === program) ?? instance.terminals[0];
  const set = useCallback(
    (changes: Record<string, string>, without: readonly string[]) =>
      setParameters(
        (before) => {
          const next = new URLSearchParams(before);
          for (const name of without) next.delete(name);
          for (const [name, value] of Object.entries(changes)) next.set(name, value);
          return next;
        },
        { replace: true },
      ),
    [setParameters],
  );
  const choose = useCallback(
    (chosen: Span) => set({ from: String(chosen.begin), to: String(chosen.end) }, ["range"]),
    [set],
  );
  const { found, error, again } = useEventsIn(instance.id, span);
  const logAt = (event: Event) => logAddress(instance, event, session?.name ?? "main");
  const marks = useMemo(() => (found ?? []).map(({ at }) => Date.parse(at) / 1000), [found]);
  return (
    <Card title={shared("bot.history")}>
      <div className={css.tools}>
        <fieldset className={parts.row} aria-label={text("history.range")}>
          {RANGE_NAMES.map((name) => (
            <Button
              key={name}
              small
              aria-pressed={name === range}
              onClick={() => set({ range: name }, ["from", "to"])}
            >
              {text(`history.${name}`)}
            </Button>
          ))}
        </fieldset>
        <div className={parts.row}>
          <Button small onClick={() => choose(moved(span, -1, now))}>
            {text("history.earlier")}
          </Button>
          <Button small disabled={end >= now} onClick={() => choose(moved(span, 1, now))}>
            {text("history.later")}
          </Button>
          <Button small onClick={() => choose(zoomed(span, 0.5, now))}>
            {text("history.in")}
          </Button>
          <Button small onClick={() => choose(zoomed(span, 2, now))}>
            {text("history.out")}
          </Button>
        </div>
        {instance.terminals.length > 1 && (
          <select
            aria-label={text("history.program")}
            value={session?.name}
            onChange={(event) => set({ terminal: event.target.value }, [])}
          >
            {instance.terminals.map(({ name }) => (
              <option key={name} value={name}>
                {name === "main" ? shared("bot.main") : name}
              </option>
            ))}
          </select>
        )}
      </div>
      <p className={parts.dim}>
        {text("history.span", { from: numbers.dateTime(begin), to: numbers.dateTime(Math.min(end, now)) })}
      </p>
      <TimeLine events={found ?? NO_EVENTS} span={span} logAt={logAt} />
      {session && (
        <Figures
          key={session.sessionId}
          sessionId={session.sessionId}
          span={span}
          marks={marks}
          choose={choose}
        />
      )}
      <p className={parts.dim}>{text("history.hint")}</p>
      <h3>{text("history.line")}</h3>
      {error && <Unread error={error} again={again} />}
      {!found && !error && <Skeleton label={text("history.line")} lines={4} />}
      {found?.length === 0 && <p>{text("history.noEvents")}</p>}
      {found && found.length > 0 && <EventList events={found} named={false} logAt={logAt} />}
      {found?.length === EVENTS_MOST && <p>{text("history.most")}</p>}
    </Card>
  );
}

/** The newest events of an instance in a span, newest first; they are read again when one comes. */
function useEventsIn(instanceId: string, { begin, end }: Span) {
  const latest = useStore(events)?.find((event) => event.instanceId === instanceId)?.id;
  const between = { begin: new Date(begin).toISOString(), end: new Date(end).toISOString() };
  const { data, error, again } = useQuery(EventsBetweenDocument, { instanceId, ...between }, latest);
  const edges = data?.events?.edges;
  const found = useMemo(() => edges?.map(({ node }) => node).reverse(), [edges]);
  return { found, error, again };
}

/** Where the log says what was printed when something happened: at the place that the event knows, or at its time. */
function logAddress(instance: Instance, { at, sessionId, offset }: Event, program: string): string {
  const terminal = instance.terminals.find((one) => one.sessionId === sessionId)?.name;
  const place: Record<string, string> =
    terminal !== undefined && offset !== null
      ? { terminal, at: String(offset) }
      : { terminal: program, time: String(Date.parse(at)) };
  return `/instances/${instance.id}/log?${new URLSearchParams(place)}`;
}
