/** The selection of a list, for its rows and its buttons. A failure to read what is to be selected is told. */
import { useState } from "react";
import { tell } from "../app/toasts";
import { useNumbers } from "../i18n/numbers";
import type { Paged } from "./paged";
import { extended, NOTHING, rangeTo, SELECTED_MOST, type Selection, toggled } from "./selection";
import { useResourceText } from "./texts";

export interface Selecting {
  ids: ReadonlySet<string>;
  /** The row that the keyboard is at. */
  at: number;
  total: number;
  toggle(row: number, id: string): void;
  /** All between the row that was chosen last and this one, besides what is selected. */
  reach(row: number): void;
  /** Selects nothing more: the next range begins here. */
  goTo(row: number): void;
  all(): void;
  clear(): void;
}

export function useSelection(list: Pick<Paged<never, { id: string }>, "all">, total: number): Selecting {
  const text = useResourceText();
  const numbers = useNumbers();
  const [selection, set] = useState<Selection>(NOTHING);
  const select = ({ first, last }: { first: number; last: number }, at: number) => {
    if (last - first + 1 >= SELECTED_MOST && total > SELECTED_MOST)
      tell(text("select.most", { count: numbers.count(SELECTED_MOST) }));
    list.all(first, last).then(
      (items) => set((now) => extended(now, at, items)),
      (error: Error) => tell(error.message, true),
    );
  };
  return {
    ids: selection.ids,
    at: selection.at,
    total,
    toggle: (row, id) => set(toggled(selection, row, id)),
    reach: (row) => select(rangeTo(selection, row), row),
    goTo: (row) => set({ ...selection, at: row, from: row }),
    all: () => select({ first: 0, last: Math.min(total, SELECTED_MOST) - 1 }, selection.at),
    clear: () => set({ ...selection, ids: new Set() }),
  };
}
