/** Saves what was typed over a row, unless somebody else has changed the same field of it meanwhile. */
import { ApiError } from "../api/errors";

/** The fields of a row as they are typed. */
export type Fields = Record<string, string>;

/** A row as it was read. `etag` identifies it. */
export interface Read<Row> {
  row: Row;
  etag: string;
}

/** What somebody else has made of the row, and the fields that both have changed. */
export interface Clash<Row> {
  now: Read<Row>;
  fields: readonly (keyof Row & string)[];
}

/** Undefined once it is saved. What others have changed in other fields stays. Throws what `send` throws, but for a conflict. */
export async function saveOver<Row extends Fields>(
  read: Read<Row>,
  typed: Row,
  send: (changed: Partial<Row>, over: Read<Row>) => Promise<void>,
  readAgain: () => Promise<Read<Row>>,
): Promise<Clash<Row> | undefined> {
  let over = read;
  for (;;) {
    const wanted = rebased(read.row, typed, over.row);
    try {
      await send(changesIn(over.row, wanted), over);
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "CONFLICT") throw error;
    }
    over = await readAgain();
    const fields = clashing(read.row, typed, over.row);
    if (fields.length > 0) return { now: over, fields };
  }
}

/** What was typed, over what somebody else has made of the fields in which nothing was. */
export function rebased<Row extends Fields>(from: Row, typed: Row, now: Row): Row {
  return { ...now, ...changesIn(from, typed) };
}

/** The fields that both have changed, and not to the same. */
function clashing<Row extends Fields>(from: Row, typed: Row, now: Row): (keyof Row & string)[] {
  const theirs = changesIn(from, now);
  return Object.keys(changesIn(from, typed)).filter(
    (field) => field in theirs && theirs[field] !== typed[field],
  );
}

function changesIn<Row extends Fields>(from: Row, to: Row): Partial<Row> {
  const changed = Object.entries(to).filter(([field, value]) => value !== from[field]);
  return Object.fromEntries(changed) as Partial<Row>;
}
