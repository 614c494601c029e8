/** What to search for and where. An expression that the server cannot read is told at the field. */
import { type FormEvent, useId, useState } from "react";
import { ApiError } from "../api/errors";
import type { LogLevel } from "../gql/graphql";
import { type Key, useText } from "../i18n/text";
import { Button, css as parts } from "../ui/parts";
import { type Filters, LEVELS, type Span } from "./filters";
import css from "./search.module.css";

export interface Place {
  within: string;
  name: string;
}

const SWITCHES: readonly ["regex" | "caseSensitive" | "wholeWord", Key][] = [
  ["regex", "search.regex"],
  ["caseSensitive", "search.case"],
  ["wholeWord", "search.word"],
];
const TIMES: readonly [Filters["span"], Key][] = [
  ["", "search.anyTime"],
  ["15m", "search.minutes"],
  ["1h", "search.hour"],
  ["24h", "search.day"],
  ["custom", "search.custom"],
];

export function SearchForm({
  asked,
  places,
  error,
  submit,
}: {
  asked: Filters;
  places: readonly Place[];
  error: Error | undefined;
  submit: (filters: Filters) => void;
}) {
  const text = useText();
  const [filters, setFilters] = useState(asked);
  const [former, setFormer] = useState(asked);
  if (JSON.stringify(former) !== JSON.stringify(asked)) {
    setFormer(asked); // the address has changed
    setFilters(asked);
  }
  const set = (part: Partial<Filters>) => setFilters({ ...filters, ...part });
  const errorId = useId();
  const wrong = (field: string) => error instanceof ApiError && error.field === field;
  const send = (event: FormEvent) => {
    event.preventDefault();
    submit(filters);
  };
  return (
    <form className={css.form} onSubmit={send}>
      <div className={css.line}>
        <input
          type="search"
          className={css.text}
          aria-label={text("log.search")}
          aria-invalid={wrong("text")}
          aria-describedby={error ? errorId : undefined}
          placeholder={text("log.search")}
          maxLength={256}
          value={filters.text}
          onChange={(event) => set({ text: event.target.value })}
        />
        <select
          aria-label={text("search.within")}
          value={filters.within}
          onChange={(event) => set({ within: event.target.value })}
        >
          {places.map(({ within, name }) => (
            <option key={within} value={within}>
              {name}
            </option>
          ))}
        </select>
        <Button type="submit" kind="primary">
          {text("log.searchSubmit")}
        </Button>
      </div>
      {error && (
        <p id={errorId} role="alert" className={css.error}>
          {error.message}
        </p>
      )}
      <div className={css.line}>
        {SWITCHES.map(([name, label]) => (
          <label key={name} className={parts.check}>
            <input
              type="checkbox"
              checked={filters[name]}
              onChange={(event) => set({ [name]: event.target.checked })}
            />
            {text(label)}
          </label>
        ))}
        <select
          aria-label={text("search.level")}
          value={filters.level}
          onChange={(event) => set({ level: event.target.value as LogLevel | "" })}
        >
          <option value="">{text("search.anyLevel")}</option>
          {LEVELS.map((level) => (
            <option key={level} value={level}>
              {text("search.fromLevel", { level })}
            </option>
          ))}
        </select>
        <select
          aria-label={text("search.time")}
          value={filters.span}
          onChange={(event) => set({ span: event.target.value as Span | "custom" | "" })}
        >
          {TIMES.map(([span, label]) => (
            <option key={span} value={span}>
              {text(label)}
            </option>
          ))}
        </select>
        {filters.span === "custom" && (
          <>
            <LocalTime label={text("search.from")} value={filters.from} set={(from) => set({ from })} />
            <LocalTime label={text("search.to")} value={filters.to} set={(to) => set({ to })} />
          </>
        )}
      </div>
    </form>
  );
}

function LocalTime({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  return (
    <label className={parts.check}>
      {label}
      <input type="datetime-local" step={1} value={value} onChange={(event) => set(event.target.value)} />
    </label>
  );
}
