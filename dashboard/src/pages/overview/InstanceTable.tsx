/** Every instance in a row of a list that draws only what is seen; several can be chosen and commanded at once. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useDeferredValue, useRef, useState } from "react";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button, Card, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { BulkCommands } from "./BulkCommands";
import { ColumnChoice } from "./ColumnChoice";
import { COLUMNS, hidden } from "./columns";
import { InstanceTableRow } from "./InstanceTableRow";
import css from "./overview.module.css";

const ROW_PX = 55;
/** The columns that are always there: chosen, name, state, actions. */
const FIXED = 4;

export function InstanceTable({ all }: { all: readonly Instance[] }) {
  const text = useText();
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const filter = useDeferredValue(typed).trim().toLowerCase();
  const shown = filter ? all.filter((instance) => matches(instance, filter)) : all;
  const picked = all.filter((instance) => chosen.has(instance.id));
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  return (
    <Card
      title={text("list.title")}
      extra={
        <div className={parts.row}>
          <input
            type="search"
            className={css.filter}
            aria-label={text("list.filter")}
            placeholder={text("list.filter")}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <ColumnChoice />
        </div>
      }
    >
      {picked.length > 0 && <BulkCommands picked={picked} clear={() => setChosen(new Set())} />}
      {shown.length === 0 && (
        <div className={parts.row}>
          <p>{text("list.none")}</p>
          <Button small onClick={() => setTyped("")}>
            {text("list.clear")}
          </Button>
        </div>
      )}
      {shown.length > 0 && (
        <Rows
          shown={shown}
          chosen={chosen}
          choose={choose}
          chooseAll={(on) => setChosen(new Set(on ? shown.map((instance) => instance.id) : []))}
        />
      )}
    </Card>
  );
}

function Rows({
  shown,
  chosen,
  choose,
  chooseAll,
}: {
  shown: readonly Instance[];
  chosen: ReadonlySet<string>;
  choose: (id: string, on: boolean) => void;
  chooseAll: (on: boolean) => void;
}) {
  const text = useText();
  const off = useStore(hidden);
  const columns = COLUMNS.filter(({ label }) => !off.has(label));
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (index) => shown[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div className={css.scroll} ref={scroll}>
      <table className={css.table}>
        <thead>
          <tr>
            <th>
              <input
                type="checkbox"
                aria-label={text("list.selectAll")}
                checked={shown.every((instance) => chosen.has(instance.id))}
                onChange={(event) => chooseAll(event.target.checked)}
              />
            </th>
            <th>{text("list.name")}</th>
            <th>{text("list.state")}</th>
            {columns.map(({ label }) => (
              <th key={label}>{text(label)}</th>
            ))}
            <th>{text("list.actions")}</th>
          </tr>
        </thead>
        <tbody>
          {above > 0 && <Space height={above} columns={columns.length + FIXED} />}
          {items.map(({ index, key }) => {
            const instance = shown[index];
            return (
              instance && (
                <InstanceTableRow
                  key={key}
                  instance={instance}
                  chosen={chosen.has(instance.id)}
                  choose={choose}
                />
              )
            );
          })}
          {below > 0 && <Space height={below} columns={columns.length + FIXED} />}
        </tbody>
      </table>
    </div>
  );
}

function Space({ height, columns }: { height: number; columns: number }) {
  return (
    <tr>
      <td colSpan={columns} style={{ height, padding: 0, border: 0 }} />
    </tr>
  );
}

function matches(instance: Instance, filter: string): boolean {
  const words = [instance.name, instance.version, instance.recipe, String(instance.port), ...instance.tags];
  const all = words.join(" ").toLowerCase();
  return filter.split(/\s+/).every((word) => all.includes(word));
}
