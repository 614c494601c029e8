/** The tiles, of which only those that are seen are drawn; selected with mouse and keyboard as in a file manager. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useRef, useState } from "react";
import type { TileFragment } from "../../gql/graphql";
import type { Instance } from "../../live/instances";
import { itemAt, type Paged, type Shown } from "../../resources/paged";
import { movedBy } from "../../resources/selection";
import type { Undo } from "../../resources/undo";
import { useSelection } from "../../resources/useSelection";
import { useWidth } from "../../resources/useWidth";
import { Button, css as parts, Skeleton } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { Detail } from "./Detail";
import css from "./emojis.module.css";
import { tileSize } from "./filters";
import { SelectionBar } from "./SelectionBar";
import { Tile } from "./Tile";
import { useEmojiText } from "./texts";

const GAP_PX = 10;
/** Of a tile besides its picture: name and tags. */
const CAPTION_PX = 52;

interface Empty {
  text: string;
  clear: () => void;
}

export function Gallery({
  instance,
  list,
  shown,
  undo,
  changed,
  none,
}: {
  instance: Instance;
  list: Pick<Paged<never, TileFragment>, "see" | "all">;
  shown: Shown<TileFragment>;
  undo: Undo;
  changed: () => void;
  none: Empty | undefined;
}) {
  const text = useEmojiText();
  const size = useStore(tileSize);
  const scroll = useRef<HTMLDivElement>(null);
  const [width, measure] = useWidth();
  const [opened, setOpened] = useState<string>();
  const total = shown.total ?? 0;
  const selection = useSelection(list, total);
  // The size that was chosen is about what the tiles get: they fill their row.
  const columns = Math.max(1, Math.round((width + GAP_PX) / (size + GAP_PX)));
  const sidePx = Math.floor((width - GAP_PX * (columns - 1)) / columns);
  const rowPx = sidePx + CAPTION_PX + GAP_PX;
  const rows = useVirtualizer({
    count: width === 0 ? 0 : Math.ceil(total / columns),
    getScrollElement: () => scroll.current,
    estimateSize: () => rowPx,
    overscan: 2,
    // Rows of another height are other rows: their places are computed anew.
    getItemKey: useCallback((index: number) => `${rowPx} ${index}`, [rowPx]),
  });
  const drawn = rows.getVirtualItems();
  const [first, last] = [(drawn[0]?.index ?? 0) * columns, ((drawn.at(-1)?.index ?? 0) + 1) * columns - 1];
  useEffect(() => list.see(first, last), [list, first, last]);

  const moveTo = (at: number, reach: boolean) => {
    rows.scrollToIndex(Math.floor(at / columns));
    if (reach) selection.reach(at);
    else selection.goTo(at);
  };
  const atKey = (event: KeyboardEvent) => {
    const { at } = selection;
    const item = itemAt(shown, at);
    const shownRows = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 0) / rowPx));
    const to = movedBy(event.key, at, columns, shownRows, total);
    const control = event.ctrlKey || event.metaKey;
    if (to !== undefined && !control && !event.altKey) moveTo(to, event.shiftKey);
    else if (event.key === " " && item) selection.toggle(at, item.id);
    else if (event.key === "Enter" && item) setOpened(item.id);
    else if (event.key === "Escape" && selection.ids.size) selection.clear();
    else if (control && event.key.toLowerCase() === "a") selection.all();
    else if (event.key === "Delete" && selection.ids.size)
      document.querySelector<HTMLElement>("[data-delete]")?.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const click = (event: MouseEvent<HTMLElement>) => {
    const target = event.target as HTMLElement;
    const index = Number(target.closest<HTMLElement>("[data-index]")?.dataset.index ?? Number.NaN);
    const item = itemAt(shown, index);
    if (!item) return;
    event.currentTarget.focus({ preventScroll: true }); // the tile may be gone after the next scroll
    const corner = target.closest("[data-corner]") !== null;
    if (event.shiftKey) selection.reach(index);
    else if (corner || event.ctrlKey || event.metaKey || selection.ids.size) selection.toggle(index, item.id);
    else {
      selection.goTo(index);
      setOpened(item.id);
    }
  };
  const current = itemAt(shown, selection.at);
  return (
    <>
      <SelectionBar instanceId={instance.id} selection={selection} undo={undo} changed={changed} />
      <div className={css.gallery} ref={scroll} data-tile={size}>
        {shown.total === undefined && !shown.error && <Skeleton label={text("emojis.loading")} lines={8} />}
        {shown.total === 0 && (
          <div className={css.none}>
            <p>{none?.text ?? text("emojis.none")}</p>
            {none && <Button onClick={none.clear}>{text("emojis.clear")}</Button>}
          </div>
        )}
        <div
          ref={measure}
          role="listbox"
          aria-multiselectable="true"
          aria-label={text("emojis.title")}
          aria-describedby="emoji-keys"
          aria-activedescendant={current ? `emoji-${current.id}` : undefined}
          tabIndex={0}
          hidden={total === 0}
          className={css.tiles}
          style={{ height: Math.max(0, rows.getTotalSize() - GAP_PX) }}
          onKeyDown={atKey}
          onClick={click}
        >
          {drawn.flatMap((row) =>
            Array.from({ length: columns }, (_, column) => row.index * columns + column)
              .filter((index) => index < total)
              .map((index) => (
                <Tile
                  key={index}
                  index={index}
                  item={itemAt(shown, index)}
                  sidePx={sidePx}
                  place={{ x: (index % columns) * (sidePx + GAP_PX), y: row.start }}
                  total={total}
                  current={index === selection.at}
                  selected={selection.ids.has(itemAt(shown, index)?.id ?? "")}
                />
              )),
          )}
        </div>
      </div>
      <p id="emoji-keys" className={`${parts.dim} ${css.keys}`}>
        {text("emojis.keys")}
      </p>
      {opened && (
        <Detail
          key={opened}
          instanceId={instance.id}
          id={opened}
          undo={undo}
          changed={changed}
          close={() => setOpened(undefined)}
        />
      )}
    </>
  );
}
