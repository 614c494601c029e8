/** CPU and memory of a bot over an hour, a day or a month: charts, a summary in words, and a table. */
import { useCallback, useMemo, useState } from "react";
import { useQuery } from "../../api/useQuery";
import { UsageOfDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { type Key, useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button, Card, css as parts, Skeleton, Unread } from "../../ui/parts";
import { Chart } from "./Chart";
import css from "./instance.module.css";

const HOUR_MS = 3_600_000;
const RANGES: readonly { label: Key; ms: number }[] = [
  { label: "usage.hour", ms: HOUR_MS },
  { label: "usage.day", ms: 24 * HOUR_MS },
  { label: "usage.month", ms: 30 * 24 * HOUR_MS },
];

export default function UsageCharts({ instance }: { instance: Instance }) {
  const text = useText();
  const [range, setRange] = useState(RANGES[0]);
  const [program, setProgram] = useState("main");
  const session = instance.terminals.find((one) => one.name === program) ?? instance.terminals[0];
  return (
    <Card
      title={text("bot.usage")}
      extra={
        <div className={parts.row}>
          <select
            aria-label={text("bot.services")}
            value={session?.name}
            onChange={(event) => setProgram(event.target.value)}
          >
            {instance.terminals.map(({ name }) => (
              <option key={name} value={name}>
                {name === "main" ? text("bot.main") : name}
              </option>
            ))}
          </select>
          <fieldset className={parts.row} aria-label={text("usage.range")}>
            {RANGES.map((one) => (
              <Button key={one.label} small aria-pressed={one === range} onClick={() => setRange(one)}>
                {text(one.label)}
              </Button>
            ))}
          </fieldset>
        </div>
      }
    >
      {session && range && <History key={range.ms} session={session.sessionId} ms={range.ms} />}
    </Card>
  );
}

function History({ session, ms }: { session: string; ms: number }) {
  const text = useText();
  const numbers = useNumbers();
  const [span] = useState<readonly [number, number]>(() => [(Date.now() - ms) / 1000, Date.now() / 1000]);
  const begin = new Date(span[0] * 1000).toISOString();
  const { data, error, again } = useQuery(UsageOfDocument, { begin, sessionId: session });
  const history = data?.usageHistory;
  const seconds = useMemo(() => (history?.at ?? []).map((time) => Date.parse(time) / 1000), [history]);
  const percent = useCallback((value: number) => numbers.percent(value), [numbers]);
  const bytes = useCallback((value: number) => numbers.bytes(value), [numbers]);
  if (error && !history) return <Unread error={error} again={again} />;
  if (!history) return <Skeleton label={text("bot.usage")} lines={8} />;
  if (history.at.length === 0) return <p>{text("usage.none")}</p>;
  return (
    <>
      <Figure
        name={text("list.cpu")}
        span={span}
        at={seconds}
        mean={history.cpu.mean}
        most={history.cpu.most}
        format={percent}
      />
      <Figure
        name={text("list.memory")}
        span={span}
        at={seconds}
        mean={history.memory.mean}
        most={history.memory.most}
        format={bytes}
      />
      <details>
        <summary>{text("usage.table")}</summary>
        <div className={css.scroll}>
          <table className={css.table}>
            <thead>
              <tr>
                <th>{text("usage.time")}</th>
                <th>{text("list.cpu")}</th>
                <th>{text("list.memory")}</th>
              </tr>
            </thead>
            <tbody>
              {history.at.map((time, index) => (
                <tr key={time}>
                  <td>{numbers.dateTime(time)}</td>
                  <td>{numbers.percent(history.cpu.mean[index] ?? 0)}</td>
                  <td>{numbers.bytes(history.memory.mean[index] ?? 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}

function Figure({
  name,
  at,
  span,
  mean,
  most,
  format,
}: {
  name: string;
  at: readonly number[];
  span: readonly [number, number];
  mean: readonly number[];
  most: readonly number[];
  format: (value: number) => string;
}) {
  const text = useText();
  const numbers = useNumbers();
  const peak = most.reduce((best, value, index) => (value > (most[best] ?? 0) ? index : best), 0);
  const summary = text("usage.cpuSummary", {
    last: format(mean.at(-1) ?? 0),
    peak: format(most[peak] ?? 0),
    when: numbers.dateTime((at[peak] ?? 0) * 1000),
  });
  return (
    <div className={css.chart}>
      <h3>{name}</h3>
      <p className={parts.dim}>{summary}</p>
      <Chart at={at} span={span} values={mean} label={`${name}: ${summary}`} format={format} />
    </div>
  );
}
