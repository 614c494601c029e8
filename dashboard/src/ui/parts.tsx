/** The small parts that all pages are made of. */
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { useText } from "../i18n/text";
import type { Condition } from "../live/condition";
import css from "./parts.module.css";

export { css };

export function Button({
  kind = "plain",
  small = false,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: "plain" | "primary" | "danger"; small?: boolean }) {
  const names = [css.button, kind === "plain" ? "" : css[kind], small ? css.small : ""];
  return <button type="button" {...rest} className={names.filter(Boolean).join(" ")} />;
}

export function Badge({ condition }: { condition: Condition }) {
  const text = useText();
  return <span className={`${css.badge} ${css[condition.tone]}`}>{text(condition.label)}</span>;
}

export function Card({ title, extra, children }: { title: string; extra?: ReactNode; children: ReactNode }) {
  return (
    <section className={css.card} aria-label={title}>
      <div className={css.cardHead}>
        <h2>{title}</h2>
        {extra}
      </div>
      {children}
    </section>
  );
}

export function Meter({ percent, label }: { percent: number; label: string }) {
  return (
    <span
      className={css.meter}
      role="img"
      aria-label={`${label} ${Math.round(percent)} %`}
      data-full={percent >= 90 ? "" : undefined}
    >
      <span style={{ width: `${Math.min(100, percent)}%` }} />
    </span>
  );
}

export function Skeleton({ lines = 3, label }: { lines?: number; label: string }) {
  return (
    <div role="status" aria-label={label} style={{ display: "grid", gap: 10 }}>
      {Array.from({ length: lines }, (_, line) => `line-${line}`).map((key) => (
        <div key={key} className={css.skeleton} />
      ))}
    </div>
  );
}

/** What of several could not be read. What failed for the same reason is told once, and read again together. */
export function Unreads({ of }: { of: readonly { error: Error | undefined; again: () => void }[] }) {
  const errors = new Map(of.flatMap(({ error }) => (error ? [[error.message, error]] : [])));
  const readAgain = (message: string) => {
    for (const { error, again } of of) if (error?.message === message) again();
  };
  return [...errors].map(([message, error]) => (
    <Unread key={message} error={error} again={() => readAgain(message)} />
  ));
}

export function Unread({ error, again }: { error: Error; again: () => void }) {
  const text = useText();
  return (
    <div className={css.row} role="alert">
      <span>{text("error.unread", { message: error.message })}</span>
      <Button small onClick={again}>
        {text("do.again")}
      </Button>
    </div>
  );
}
