/** Says what was done, and undoes each of it as long as it can be. */
import { useEffect } from "react";
import { useCommands } from "../app/useCommand";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { useNow } from "../ui/clock";
import { Button, css as parts } from "../ui/parts";
import { createStore, useStore } from "../ui/store";
import type { Offer, Offers } from "./offers";
import css from "./resources.module.css";
import { useResourceText } from "./texts";
import type { Undo } from "./undo";

const SHOWN_MOST = 5;

/** Edits that can be undone. */
export interface Edits {
  all: Offers<unknown>["all"];
  undo(number: number): Promise<void>;
  forget(number: number): void;
}

interface Undoable extends Offer<unknown> {
  what: "deleted" | "edited";
  restore: (number: number) => Promise<void>;
  forget: (number: number) => void;
}

const NO_EDITS: Edits = { all: createStore([]), undo: async () => {}, forget: () => {} };

export function UndoBar({
  undo,
  edits = NO_EDITS,
  restored,
}: {
  undo: Undo;
  edits?: Edits;
  restored: () => void;
}) {
  const deleted = useStore(undo.deletions).map(
    (one): Undoable => ({ ...one, what: "deleted", restore: undo.restore, forget: undo.forget }),
  );
  const edited = useStore(edits.all).map(
    (one): Undoable => ({ ...one, what: "edited", restore: edits.undo, forget: edits.forget }),
  );
  const all = [...deleted, ...edited].sort((one, other) => other.until - one.until);
  const older = all.slice(SHOWN_MOST);
  return (
    <div role="status" className={css.undo}>
      {all.slice(0, SHOWN_MOST).map((one) => (
        <Offered key={`${one.what} ${one.number}`} offer={one} restored={restored} />
      ))}
      {older.length > 0 && <Older offers={older} />}
    </div>
  );
}

/** How many of them can still be undone. */
function Older({ offers }: { offers: readonly Undoable[] }) {
  const text = useResourceText();
  const numbers = useNumbers();
  const now = useNow();
  const count = offers.filter(({ until }) => until > now).length;
  return count > 0 && <p className={parts.dim}>{text("undo.more", { count: numbers.count(count) })}</p>;
}

function Offered({
  offer: { number, items, until, what, restore, forget },
  restored,
}: {
  offer: Undoable;
  restored: () => void;
}) {
  const text = useResourceText();
  const shared = useText();
  const numbers = useNumbers();
  const { busy, refused, attempt } = useCommands();
  const left = Math.floor((until - useNow()) / 1000);
  const over = left <= 0;
  useEffect(() => {
    if (over && !busy) forget(number);
  }, [over, busy, forget, number]);
  const undo = async () => {
    await attempt(text("undo.failed"), restore(number));
    restored();
  };
  return (
    <div className={css.offer}>
      <span>{text(`undo.${what}`, { count: numbers.count(items.length) })}</span>
      <span className={parts.dim} aria-hidden="true">
        {text("undo.left", { seconds: Math.max(0, left) })}
      </span>
      <Button
        small
        kind="primary"
        disabled={busy || refused !== undefined}
        title={refused}
        onClick={() => void undo()}
      >
        {text("undo.do")}
      </Button>
      <Button small onClick={() => forget(number)}>
        {shared("do.close")}
      </Button>
    </div>
  );
}
