/** CPU and memory of a program in a span: a chart of each with a summary in words, and a table. */
import { lazy, memo, Suspense, useCallback, useMemo, useState } from "react";
import { useQuery } from "../../api/useQuery";
import { UsageOfDocument, type UsageOfQuery } from "../../gql/graphql";
import { language, localeOf } from "../../i18n/language";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { css as parts, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./history.module.css";
import type { Span } from "./span";
import { useHistoryText } from "./texts";

const Chart = lazy(() => import("./Chart"));
const STEPS = { 1: "history.step1", 60: "history.step60", 3600: "history.step3600" } as const;

interface Shown {
  span: Span;
  marks: readonly number[];
  choose: (span: Span) => void;
}

/** Drawn anew only when something of it has changed: the time goes on every second. */
export const Figures = memo(function Figures({ sessionId, ...shown }: Shown & { sessionId: string }) {
  const [opened, setOpened] = useState(false);
  const text = useHistoryText();
  const shared = useText();
  const numbers = useNumbers();
  const begin = new Date(shown.span.begin).toISOString();
  const end = new Date(shown.span.end).toISOString();
  const { data, error, again } = useQuery(UsageOfDocument, { begin, end, sessionId });
  const history = data?.usageHistory;
  const at = useMemo(() => (history?.at ?? []).map((time) => Date.parse(time) / 1000), [history]);
  const percent = useCallback((value: number) => numbers.percent(value), [numbers]);
  const bytes = useCallback((value: number) => numbers.bytes(value), [numbers]);
  const tick = useTicks(shown.span);
  if (error && !history) return <Unread error={error} again={again} />;
  if (!history)
    return (
      <div className={css.figures}>
        <Skeleton label={text("history.line")} lines={8} />
      </div>
    );
  if (at.length === 0)
    return (
      <div className={css.figures}>
        <p className={css.none}>{text("history.none")}</p>
      </div>
    );
  const { cpu, memory, stepS } = history;
  return (
    <div className={css.figures}>
      {error && <Unread error={error} again={again} />}
      <Figure
        name={shared("list.cpu")}
        at={at}
        {...cpu}
        {...shown}
        tick={tick}
        format={percent}
        binary={false}
      />
      <Figure name={shared("list.memory")} at={at} {...memory} {...shown} tick={tick} format={bytes} binary />
      <details onToggle={(event) => setOpened(event.currentTarget.open)}>
        <summary>
          {text("history.table")}{" "}
          <span className={parts.dim}>({text(STEPS[stepS as keyof typeof STEPS])})</span>
        </summary>
        {opened && <Table history={history} />}
      </details>
    </div>
  );
});

/** What is told of a time on the axis: the day in a long span, the second in a short one. */
function useTicks({ begin, end }: Span): (at: number) => string {
  const locale = localeOf(useStore(language));
  const hours = (end - begin) / 3_600_000;
  return useMemo(() => {
    const minutes: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
    const shown: Intl.DateTimeFormatOptions =
      hours > 48 ? { month: "numeric", day: "numeric" } : hours < 0.2 ? { timeStyle: "medium" } : minutes;
    const { format } = new Intl.DateTimeFormat(locale, shown);
    return (at) => format(at * 1000);
  }, [locale, hours]);
}

function Figure({
  name,
  at,
  mean,
  most,
  format,
  ...shown
}: Shown & {
  name: string;
  at: readonly number[];
  mean: readonly number[];
  most: readonly number[];
  format: (value: number) => string;
  tick: (at: number) => string;
  binary: boolean;
}) {
  const text = useHistoryText();
  const numbers = useNumbers();
  const peak = most.reduce((best, value, index) => (value > (most[best] ?? 0) ? index : best), 0);
  const summary = text("history.summary", {
    last: format(mean.at(-1) ?? 0),
    peak: format(most[peak] ?? 0),
    when: numbers.dateTime((at[peak] ?? 0) * 1000),
  });
  return (
    <div className={css.figure}>
      <h3>{name}</h3>
      <p className={parts.dim}>{summary}</p>
      <div className={css.chart}>
        <Suspense fallback={null}>
          <Chart {...shown} at={at} mean={mean} most={most} label={`${name}: ${summary}`} format={format} />
        </Suspense>
      </div>
    </div>
  );
}

function Table({ history: { at, cpu, memory } }: { history: NonNullable<UsageOfQuery["usageHistory"]> }) {
  const text = useHistoryText();
  const shared = useText();
  const { dateTime, percent, bytes } = useNumbers();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section className={css.scroll} tabIndex={0} aria-label={text("history.table")}>
      <table className={css.table}>
        <thead>
          <tr>
            <th>{text("history.time")}</th>
            <th>{`${shared("list.cpu")}: ${text("history.mean")}`}</th>
            <th>{text("history.peak")}</th>
            <th>{`${shared("list.memory")}: ${text("history.mean")}`}</th>
            <th>{text("history.peak")}</th>
          </tr>
        </thead>
        <tbody>
          {at.map((time, index) => (
            <tr key={time}>
              <td>{dateTime(time)}</td>
              <td>{percent(cpu.mean[index] ?? 0)}</td>
              <td>{percent(cpu.most[index] ?? 0)}</td>
              <td>{bytes(memory.mean[index] ?? 0)}</td>
              <td>{bytes(memory.most[index] ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
