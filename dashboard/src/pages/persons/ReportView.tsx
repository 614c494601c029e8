/** What became of each line, or would; all of them or those of one kind. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { useNumbers } from "../../i18n/numbers";
import css from "./persons.module.css";
import type { Report, Status } from "./report";
import { usePersonText } from "./texts";

const ROW_PX = 34;
const STATUSES: readonly Status[] = ["failed", "created", "updated", "skipped"];

export function ReportView({ report }: { report: Report }) {
  const text = usePersonText();
  const numbers = useNumbers();
  const { counts, lines } = report;
  const [only, setOnly] = useState<Status | "all">("all");
  const shown = useMemo(
    () => (only === "all" ? lines : lines.filter((line) => line.status === only)),
    [lines, only],
  );
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
  });
  const kinds = STATUSES.filter((status) => counts[status] > 0);
  return (
    <>
      <fieldset className={css.kinds} aria-label={text("import.fate")}>
        <button type="button" aria-pressed={only === "all"} onClick={() => setOnly("all")}>
          {text("import.all", { count: numbers.count(lines.length) })}
        </button>
        {kinds.map((status) => (
          <button
            key={status}
            type="button"
            aria-pressed={only === status}
            data-bad={status === "failed" ? "" : undefined}
            onClick={() => setOnly(status)}
          >
            {text(`import.${status}`, { count: numbers.count(counts[status]) })}
          </button>
        ))}
      </fieldset>
      <div className={css.report} ref={scroll}>
        <ol className={css.lines} style={{ height: rows.getTotalSize() }} aria-label={text("import.fate")}>
          {rows.getVirtualItems().map(({ index, start }) => {
            const line = shown[index];
            return (
              line && (
                <li
                  key={line.line}
                  className={css.line}
                  style={{ transform: `translateY(${start}px)` }}
                  title={line.message}
                >
                  <span>{numbers.count(line.line)}</span>
                  <span data-bad={line.status === "failed" ? "" : undefined}>
                    {text(`import.is.${line.status}`)}
                  </span>
                  <span>{[line.user_id, line.message].filter(Boolean).join(" · ")}</span>
                </li>
              )
            );
          })}
        </ol>
      </div>
    </>
  );
}
