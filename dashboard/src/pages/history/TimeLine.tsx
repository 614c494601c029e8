/** The events of a span on its axis. What happened at about the same time is one mark, which leads to the log at that moment. */
import { useCallback, useState } from "react";
import { Link } from "wouter";
import { useNumbers } from "../../i18n/numbers";
import type { Event } from "../../live/events";
import css from "./history.module.css";
import { AXIS_PX, RIGHT_PX } from "./layout";
import { grouped, type Span } from "./span";
import { useHistoryText } from "./texts";

/** Wide enough to be hit by a finger. */
const MARK_PX = 28;
const BAD = new Set(["died", "failed", "deployment-failed"]);

export function TimeLine({
  events,
  span,
  logAt,
}: {
  /** Newest first. */
  events: readonly Event[];
  span: Span;
  logAt: (event: Event) => string;
}) {
  const text = useHistoryText();
  const numbers = useNumbers();
  const [width, setWidth] = useState(0);
  const measure = useCallback((element: HTMLElement | null) => {
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const slots = Math.max(1, Math.floor(width / MARK_PX));
  return (
    <nav
      ref={measure}
      aria-label={text("history.line")}
      className={css.line}
      style={{ marginInlineStart: AXIS_PX, marginInlineEnd: RIGHT_PX }}
    >
      {width > 0 &&
        grouped([...events].reverse(), span, slots).map(({ slot, items }) => {
          const shown = items.find(({ kind }) => BAD.has(kind)) ?? items[0];
          if (!shown) return null;
          const said = text("history.mark", {
            count: items.length,
            when: numbers.dateTime(shown.at),
            message: items.map(({ message }) => message).join("; "),
          });
          return (
            <Link
              key={slot}
              href={logAt(shown)}
              className={css.mark}
              data-bad={BAD.has(shown.kind) ? "" : undefined}
              style={{ left: `${(slot / slots) * 100}%`, width: `${100 / slots}%` }}
              title={said}
              aria-label={said}
            >
              <span>{items.length > 1 ? items.length : ""}</span>
            </Link>
          );
        })}
    </nav>
  );
}
