/** The values of a file as a form, section by section. What the text says meanwhile is shown as soon as the server knows it. */
import { useEffect, useMemo, useRef, useState } from "react";
import { Button, css as parts } from "../../../ui/parts";
import { useStore } from "../../../ui/store";
import { AddValue } from "./AddValue";
import css from "./configuration.module.css";
import { dotted, type OpenFile, type Value } from "./file";
import { Row } from "./Row";
import {
  arraysIn,
  isChangedBy,
  isElement,
  isTable,
  nameIn,
  type Section,
  sectionsOf,
  titleOf,
} from "./sections";
import { useConfigText } from "./texts";
import { useSettled } from "./useFile";

/** With more values than this only the first section is open. */
const OPEN_VALUES = 40;
/** Rows of a section that are shown before one asks for more. */
const ROWS = 100;

export function Form({
  file,
  path,
  environment,
  disabled,
  shown,
  wanted,
  goToLine,
}: {
  file: OpenFile;
  path: string;
  /** Whether the file has variables and no tables. */
  environment: boolean;
  /** Why the form cannot be used. */
  disabled: string | undefined;
  shown: boolean;
  /** The dotted path of a value that somebody looks for. */
  wanted: string | undefined;
  goToLine: (line: number) => void;
}) {
  const text = useConfigText();
  const understood = useStore(file.understood);
  const values = understood?.values;
  const sections = useMemo(() => sectionsOf(values ?? []), [values]);
  if (!understood) return null;
  const { valueCount } = understood.draft;
  return (
    <section aria-label={text("config.formOf", { path })} className={css.form}>
      {disabled && (
        <p className={css.notice} role="status">
          {disabled}
        </p>
      )}
      <fieldset disabled={disabled !== undefined} className={css.sections}>
        {sections.length === 0 && !disabled && <p className={parts.dim}>{text("config.formEmpty")}</p>}
        {sections.map((section, at) => (
          <SectionOf
            key={section.name}
            file={file}
            section={section}
            plain={environment}
            open={at === 0 || (values?.length ?? 0) <= OPEN_VALUES}
            shown={shown}
            wanted={wanted}
            goToLine={goToLine}
          />
        ))}
        {valueCount > (values?.length ?? 0) && values && values.length > 0 && (
          <p className={parts.dim}>{text("config.tooMany", { shown: values.length, count: valueCount })}</p>
        )}
        <AddValue file={file} into={[]} environment={environment} />
      </fieldset>
    </section>
  );
}

function SectionOf({
  file,
  section,
  plain,
  open,
  shown,
  wanted,
  goToLine,
}: {
  file: OpenFile;
  section: Section;
  /** Without a title of its own. */
  plain: boolean;
  open: boolean;
  shown: boolean;
  wanted: string | undefined;
  goToLine: (line: number) => void;
}) {
  const text = useConfigText();
  const place = useRef<HTMLDivElement>(null);
  const { name, comment, rows } = section;
  const at = wanted === undefined ? -1 : rows.findIndex(({ path }) => dotted(path) === wanted);
  const [opened, setOpened] = useState(open);
  const [most, setMost] = useState(ROWS);
  const [found, setFound] = useState<string>();
  // What somebody looks for is opened once; then the section can be closed again.
  if (at >= 0 && found !== wanted) {
    setFound(wanted);
    setOpened(true);
    setMost(Math.max(most, at + 1));
  }
  useEffect(() => {
    if (found === undefined) return;
    const row = place.current?.querySelector(`[data-path="${CSS.escape(found)}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.querySelector<HTMLElement>("input, textarea")?.focus({ preventScroll: true });
  }, [found]);
  const body = opened && (
    <div ref={place} className={css.rows}>
      <Rows file={file} section={section} most={most} shown={shown} environment={plain} goToLine={goToLine} />
      {rows.length > most && (
        <Button small onClick={() => setMost(most + ROWS)}>
          {text("config.moreRows", { count: Math.min(ROWS, rows.length - most) })}
        </Button>
      )}
      {!plain && name !== "" && rows[0]?.shape !== "ARRAY" && (
        <AddValue file={file} into={[name]} environment={false} />
      )}
    </div>
  );
  if (plain) return body;
  const count = rows.filter((row) => !isTable(row)).length;
  return (
    <details open={opened} className={css.section} onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>
        <span className={css.sectionName}>
          {text("config.section", { name: name || text("config.top"), count })}
        </span>
        {comment && <span className={css.comment}>{comment}</span>}
      </summary>
      {body}
    </details>
  );
}

function Rows({
  file,
  section,
  most,
  shown,
  environment,
  goToLine,
}: {
  file: OpenFile;
  section: Section;
  most: number;
  shown: boolean;
  environment: boolean;
  goToLine: (line: number) => void;
}) {
  const understood = useStore(file.understood);
  const settled = useSettled(file);
  const refused = useStore(file.refused);
  const { rows } = section;
  const arrays = useMemo(() => arraysIn(rows), [rows]);
  const changedKeys = understood?.draft.changedKeys ?? [];
  const fixed = understood?.draft.fixed ?? [];
  return rows.slice(0, most).map((value) => {
    const key = dotted(value.path);
    if (isTable(value))
      return <Heading key={key} file={file} value={value} element={isElement(value, arrays)} rows={rows} />;
    return (
      <Row
        key={key}
        file={file}
        value={value}
        name={nameIn(section, value, arrays)}
        fixed={fixed.includes(key)}
        changed={isChangedBy(changedKeys, value.path)}
        error={refused.get(key)}
        settled={settled}
        shown={shown}
        removable={environment}
        goToLine={goToLine}
      />
    );
  });
}

/** The title of a table, of an array, or of an element, which can be copied and removed. */
function Heading({
  file,
  value,
  element,
  rows,
}: {
  file: OpenFile;
  value: Value;
  element: boolean;
  rows: readonly Value[];
}) {
  const text = useConfigText();
  const { path } = value;
  const name = element ? titleOf(value, rows) : dotted(path.slice(1));
  const edit = (action: "REPEAT" | "UNSET") => file.edit({ action, path, value: null });
  if (name === "") return value.comment ? <p className={css.comment}>{value.comment}</p> : null;
  return (
    <div className={css.heading}>
      <h4>{name}</h4>
      {value.comment && <p className={css.comment}>{value.comment}</p>}
      {element && (
        <div className={parts.row}>
          <Button small aria-label={text("config.repeatName", { name })} onClick={() => edit("REPEAT")}>
            {text("config.repeat")}
          </Button>
          <Button small aria-label={text("config.removeName", { name })} onClick={() => edit("UNSET")}>
            {text("config.remove")}
          </Button>
        </div>
      )}
    </div>
  );
}
