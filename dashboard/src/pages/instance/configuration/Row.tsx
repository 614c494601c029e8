/** One value in the form: its name, its field by type, what the file's comment says of it. */
import { useId, useState } from "react";
import { Button, css as parts } from "../../../ui/parts";
import css from "./configuration.module.css";
import { type FieldProps, useTyped } from "./field";
import { dotted, type OpenFile, type Value } from "./file";
import { ListField } from "./ListField";
import { numberIn } from "./numbers";
import { useConfigText } from "./texts";

export interface RowOf {
  file: OpenFile;
  value: Value;
  /** The part of its path that is shown. */
  name: string;
  fixed: boolean;
  changed: boolean;
  error: string | undefined;
  /** Whether the text has what the form shows. */
  settled: boolean;
  /** Whether secrets are shown. */
  shown: boolean;
  removable: boolean;
  goToLine: (line: number) => void;
}

export function Row({
  file,
  value,
  name,
  fixed,
  changed,
  error,
  settled,
  shown,
  removable,
  goToLine,
}: RowOf) {
  const text = useConfigText();
  const id = useId();
  const why = fixed ? text("config.fixed") : isEditable(value) ? "" : text("config.textOnly");
  const set = (now: unknown) => file.edit({ action: "SET", path: value.path, value: now });
  const described = [value.comment && `${id}-comment`, why && `${id}-why`, error && `${id}-error`]
    .filter(Boolean)
    .join(" ");
  const field = { id, described, settled, readOnly: why !== "", name, set };
  return (
    <div className={css.valueRow} data-changed={changed ? "" : undefined} data-path={dotted(value.path)}>
      <div className={css.valueHead}>
        {value.shape === "LIST" ? (
          <strong id={`${id}-name`} className={css.valueName}>
            {name}
          </strong>
        ) : (
          <label htmlFor={id} className={css.valueName}>
            {name}
          </label>
        )}
        {changed && <span className={css.changed}>{text("config.changed")}</span>}
        <button
          type="button"
          className={css.lineLink}
          aria-label={text("config.goToLine", { name, line: value.line })}
          onClick={() => goToLine(value.line)}
        >
          {text("config.line", { line: value.line })}
        </button>
        {removable && (
          <Button
            small
            aria-label={text("config.removeName", { name })}
            onClick={() => file.edit({ action: "UNSET", path: value.path, value: null })}
          >
            {text("config.remove")}
          </Button>
        )}
      </div>
      {value.comment && (
        <p id={`${id}-comment`} className={css.comment}>
          {value.comment}
        </p>
      )}
      <FieldOf value={value} field={field} shown={shown} />
      {why && (
        <p id={`${id}-why`} className={css.comment}>
          {why}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className={css.wrong} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

function isEditable({ shape, value }: Value): boolean {
  if (shape === "INTEGER") return Number.isSafeInteger(value);
  if (shape === "FLOAT") return typeof value === "number"; // `inf` is a text in JSON
  if (shape === "LIST")
    return (value as unknown[]).every(
      (item) => typeof item === "string" || (typeof item === "number" && !unsafe(item)),
    );
  return shape === "STRING" || shape === "BOOLEAN";
}

const unsafe = (number: number) => Number.isInteger(number) && !Number.isSafeInteger(number);

function FieldOf({
  value: { shape, value, secret },
  field,
  shown,
}: {
  value: Value;
  field: FieldProps;
  shown: boolean;
}) {
  if (shape === "BOOLEAN") return <YesOrNo {...field} value={value as boolean} />;
  if (shape === "LIST")
    return <ListField {...field} value={value as (string | number)[]} secret={secret && !shown} />;
  if (shape === "INTEGER" || shape === "FLOAT")
    return <NumberField {...field} value={String(value)} whole={shape === "INTEGER"} />;
  return <TextField {...field} value={String(value)} secret={secret && !shown} />;
}

function YesOrNo({ id, described, settled, readOnly, set, value }: FieldProps & { value: boolean }) {
  const text = useConfigText();
  const [checked, setChecked] = useTyped(value, settled);
  return (
    <span className={parts.check}>
      <input
        id={id}
        type="checkbox"
        disabled={readOnly}
        aria-describedby={described || undefined}
        checked={checked}
        onChange={({ target }) => {
          setChecked(target.checked);
          set(target.checked);
        }}
      />
      <span aria-hidden="true" className={parts.dim}>
        {checked ? text("config.yes") : ""}
      </span>
    </span>
  );
}

function NumberField({
  id,
  described,
  settled,
  readOnly,
  set,
  value,
  whole,
}: FieldProps & { value: string; whole: boolean }) {
  const text = useConfigText();
  const [typed, setTyped] = useTyped(value, settled);
  const [wrong, setWrong] = useState<string>();
  return (
    <>
      <input
        id={id}
        inputMode={whole ? "numeric" : "decimal"}
        readOnly={readOnly}
        className={css.number}
        aria-describedby={
          [described, wrong !== undefined && `${id}-wrong`].filter(Boolean).join(" ") || undefined
        }
        aria-invalid={wrong !== undefined}
        value={wrong ?? typed}
        onChange={({ target }) => {
          const number = numberIn(target.value, whole);
          setWrong(number === undefined ? target.value : undefined);
          setTyped(target.value);
          if (number !== undefined) set(number);
        }}
        onBlur={() => setWrong(undefined)}
      />
      {wrong !== undefined && (
        <p id={`${id}-wrong`} className={css.wrong} role="alert">
          {text(whole ? "config.integer" : "config.number")}
        </p>
      )}
    </>
  );
}

/** From this length on a text gets several lines. */
const LONG_CHARACTERS = 60;

function TextField({
  id,
  described,
  settled,
  readOnly,
  name,
  set,
  value,
  secret,
}: FieldProps & { value: string; secret: boolean }) {
  const text = useConfigText();
  const [typed, setTyped] = useTyped(value, settled);
  const [revealed, setRevealed] = useState(false);
  const hidden = secret && !revealed;
  const common = {
    id,
    readOnly,
    "aria-describedby": described || undefined,
    value: typed,
    spellCheck: false,
    onChange: ({ target }: { target: { value: string } }) => {
      setTyped(target.value);
      set(target.value);
    },
  };
  const [long] = useState(value.length > LONG_CHARACTERS);
  const field =
    !hidden && (long || value.includes("\n")) ? (
      <textarea rows={Math.min(12, Math.max(2, Math.ceil(value.length / 70)))} {...common} />
    ) : (
      <input type={hidden ? "password" : "text"} autoComplete="off" {...common} />
    );
  if (!secret) return field;
  return (
    <div className={css.secret}>
      {field}
      <Button
        small
        aria-label={text(revealed ? "config.conceal" : "config.reveal", { name })}
        aria-pressed={revealed}
        onClick={() => setRevealed(!revealed)}
      >
        <Eye crossed={revealed} />
      </Button>
    </div>
  );
}

function Eye({ crossed }: { crossed: boolean }) {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      aria-hidden="true"
    >
      <path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7z" />
      <circle cx="12" cy="12" r="3" />
      {crossed && <path d="M4 20 20 4" />}
    </svg>
  );
}
