/** The rows, of which only those that are seen are drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from "react";
import { useCommands } from "../../app/useCommand";
import type { PersonRowFragment } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { itemAt, type Paged, type Shown } from "../../resources/paged";
import { SelectionButtons } from "../../resources/SelectionButtons";
import { useResourceText } from "../../resources/texts";
import type { Undo } from "../../resources/undo";
import { useSelection } from "../../resources/useSelection";
import { Button, Skeleton } from "../../ui/parts";
import { BulkEdit } from "./BulkEdit";
import { Cell } from "./Cell";
import css from "./persons.module.css";
import { usePersonText } from "./texts";

const ROW_PX = 48;
const FIELDS = ["username", "nickname"] as const;
/** Those of a row that open or edit it. */
const COLUMNS = 1 + FIELDS.length;
/** How far keys go, in rows and columns. */
const MOVES = new Map<string, readonly [number, number]>([
  ["ArrowUp", [-1, 0]],
  ["ArrowDown", [1, 0]],
  ["ArrowLeft", [0, -1]],
  ["ArrowRight", [0, 1]],
]);

function placeOf(row: number, column: number): string {
  return `${row} ${column}`;
}

export function PersonTable({
  instanceId,
  list,
  shown,
  undo,
  changed,
  open,
  clear,
}: {
  instanceId: string;
  list: Pick<Paged<never, PersonRowFragment>, "see" | "all">;
  shown: Shown<PersonRowFragment>;
  undo: Undo;
  changed: () => void;
  open: (id: string) => void;
  /** Clears the search; undefined if there is none. */
  clear: (() => void) | undefined;
}) {
  const text = usePersonText();
  const scroll = useRef<HTMLDivElement>(null);
  const total = shown.total ?? 0;
  const selection = useSelection(list, total);
  const { refused } = useCommands();
  const [editing, setEditing] = useState(false);
  const rows = useVirtualizer({
    count: total,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
  });
  const drawn = rows.getVirtualItems();
  const [first, last] = [drawn[0]?.index ?? 0, drawn.at(-1)?.index ?? 0];
  useEffect(() => list.see(first, last), [list, first, last]);
  const above = drawn[0]?.start ?? 0;
  const below = rows.getTotalSize() - (drawn.at(-1)?.end ?? 0);

  const choose = (event: MouseEvent, index: number, id: string) => {
    if (event.shiftKey) selection.reach(index);
    else selection.toggle(index, id);
  };
  const move = (event: KeyboardEvent<HTMLElement>, row: number, column: number) => {
    const by = MOVES.get(event.key);
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    const [down, right] = by;
    if (row + down < 0 || row + down >= total || column + right < 0 || column + right >= COLUMNS) return;
    event.preventDefault();
    const table = event.currentTarget.closest("table");
    rows.scrollToIndex(row + down);
    requestAnimationFrame(() =>
      table?.querySelector<HTMLElement>(`[data-place="${placeOf(row + down, column + right)}"]`)?.focus(),
    );
  };
  return (
    <>
      <SelectionButtons
        selection={selection}
        undo={undo}
        deleting={text("persons.deleting")}
        changed={changed}
      >
        <Button
          small
          disabled={selection.ids.size === 0 || refused !== undefined}
          title={refused}
          onClick={() => setEditing(true)}
        >
          {text("persons.edit")}
        </Button>
      </SelectionButtons>
      {editing && (
        <BulkEdit
          instanceId={instanceId}
          ids={[...selection.ids]}
          changed={changed}
          close={() => setEditing(false)}
        />
      )}
      <div className={css.scroll} ref={scroll}>
        {shown.total === undefined && !shown.error && <Skeleton label={text("persons.loading")} lines={8} />}
        {shown.total === 0 && (
          <div className={css.none}>
            <p>{text(clear ? "persons.noMatch" : "persons.none")}</p>
            {clear && <Button onClick={clear}>{text("persons.clear")}</Button>}
          </div>
        )}
        {total > 0 && (
          <table className={css.table} aria-rowcount={total + 1}>
            <thead>
              <tr>
                <td />
                <th>{text("persons.userId")}</th>
                <th>{text("persons.username")}</th>
                <th>{text("persons.nickname")}</th>
                <th>{text("persons.state")}</th>
                <th>{text("persons.updated")}</th>
              </tr>
            </thead>
            <tbody>
              {above > 0 && <Space height={above} />}
              {drawn.map(({ index }) => (
                <Row
                  key={index}
                  instanceId={instanceId}
                  index={index}
                  person={itemAt(shown, index)}
                  selected={selection.ids}
                  choose={choose}
                  open={open}
                  move={move}
                  changed={changed}
                />
              ))}
              {below > 0 && <Space height={below} />}
            </tbody>
          </table>
        )}
      </div>
    </>
  );
}

function Row({
  instanceId,
  index,
  person,
  selected,
  choose,
  open,
  move,
  changed,
}: {
  instanceId: string;
  index: number;
  person: PersonRowFragment | undefined;
  selected: ReadonlySet<string>;
  choose: (event: MouseEvent, index: number, id: string) => void;
  open: (id: string) => void;
  move: (event: KeyboardEvent<HTMLElement>, row: number, column: number) => void;
  changed: () => void;
}) {
  const text = usePersonText();
  const resources = useResourceText();
  const numbers = useNumbers();
  if (!person) {
    return (
      <tr aria-rowindex={index + 2}>
        <td colSpan={6}>
          <span className={css.waiting} />
        </td>
      </tr>
    );
  }
  const { id, userId, username, nickname, origin, pendingChange, updatedAt } = person;
  const on = selected.has(id);
  const updated = numbers.dateTime(updatedAt);
  const state = pendingChange ? resources(`pending.${pendingChange}`) : resources(`origin.${origin}`);
  return (
    <tr aria-rowindex={index + 2} data-on={on ? "" : undefined}>
      <td>
        <input
          type="checkbox"
          aria-label={text("persons.select", { name: nickname || username || userId })}
          checked={on}
          onChange={() => {}}
          onClick={(event) => choose(event, index, id)}
        />
      </td>
      <td>
        <button
          type="button"
          className={css.open}
          data-place={placeOf(index, 0)}
          title={userId}
          onClick={() => open(id)}
          onKeyDown={(event) => move(event, index, 0)}
        >
          {userId}
        </button>
      </td>
      {FIELDS.map((field, at) => (
        <Cell
          key={`${id} ${field}`}
          instanceId={instanceId}
          person={person}
          field={field}
          place={placeOf(index, at + 1)}
          move={(event) => move(event, index, at + 1)}
          changed={changed}
        />
      ))}
      <td title={state}>{state}</td>
      <td title={updated}>{updated}</td>
    </tr>
  );
}

function Space({ height }: { height: number }) {
  return (
    <tr>
      <td colSpan={6} style={{ height, padding: 0, border: 0 }} />
    </tr>
  );
}
