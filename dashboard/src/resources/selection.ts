/** Which rows of a list are selected, and where the keyboard is: as in a file manager. */

/** As many can be selected at once. */
export const SELECTED_MOST = 5000;

export interface Selection {
  ids: ReadonlySet<string>;
  /** The row that the keyboard is at. */
  at: number;
  /** The row from which a range reaches. */
  from: number;
}

export const NOTHING: Selection = { ids: new Set(), at: 0, from: 0 };

/** One row more, or less. */
export function toggled({ ids }: Selection, row: number, id: string): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, at: row, from: row };
}

/** A range was selected besides what was. */
export function extended(selection: Selection, row: number, range: readonly { id: string }[]): Selection {
  return { ...selection, at: row, ids: new Set([...selection.ids, ...range.map(({ id }) => id)]) };
}

/** The rows between the start of a range and another row. */
export function rangeTo({ from }: Selection, row: number): { first: number; last: number } {
  const [first, last] = from < row ? [from, row] : [row, from];
  return { first: Math.max(first, last - SELECTED_MOST + 1), last };
}

/** Where a key leads to in a grid; undefined: it is no such key. */
export function movedBy(key: string, at: number, columns: number, rowsShown: number, count: number) {
  const by: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    PageUp: at - columns * rowsShown,
    PageDown: at + columns * rowsShown,
    Home: 0,
    End: count - 1,
  };
  const to = by[key];
  if (to === undefined) return undefined;
  if ((key === "ArrowUp" && to < 0) || (key === "ArrowDown" && to >= count)) return at;
  return Math.max(0, Math.min(count - 1, to));
}
