/** Says what was deleted, and undoes each deletion as long as the server can. */
import { useEffect } from "react";
import { useCommands } from "../app/useCommand";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { useNow } from "../ui/clock";
import { Button, css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import css from "./resources.module.css";
import { useResourceText } from "./texts";
import type { Deletion, Undo } from "./undo";

const SHOWN_MOST = 5;

export function UndoBar({ undo, restored }: { undo: Undo; restored: () => void }) {
  const deletions = useStore(undo.deletions);
  const older = deletions.slice(SHOWN_MOST);
  return (
    <div role="status" className={css.undo}>
      {deletions.slice(0, SHOWN_MOST).map((deletion) => (
        <Offer key={deletion.number} undo={undo} deletion={deletion} restored={restored} />
      ))}
      {older.length > 0 && <Older deletions={older} />}
    </div>
  );
}

/** How many of them can still be undone. */
function Older({ deletions }: { deletions: readonly Deletion[] }) {
  const text = useResourceText();
  const numbers = useNumbers();
  const now = useNow();
  const count = deletions.filter(({ until }) => until > now).length;
  return count > 0 && <p className={parts.dim}>{text("undo.more", { count: numbers.count(count) })}</p>;
}

function Offer({ undo, deletion, restored }: { undo: Undo; deletion: Deletion; restored: () => void }) {
  const text = useResourceText();
  const shared = useText();
  const numbers = useNumbers();
  const { busy, refused, attempt } = useCommands();
  const { number, ids, until } = deletion;
  const left = Math.floor((until - useNow()) / 1000);
  const over = left <= 0;
  useEffect(() => {
    if (over && !busy) undo.forget(number);
  }, [over, busy, undo, number]);
  const restore = async () => {
    await attempt(text("undo.failed"), undo.restore(number));
    restored();
  };
  return (
    <div className={css.offer}>
      <span>{text("undo.deleted", { count: numbers.count(ids.length) })}</span>
      <span className={parts.dim} aria-hidden="true">
        {text("undo.left", { seconds: Math.max(0, left) })}
      </span>
      <Button
        small
        kind="primary"
        disabled={busy || refused !== undefined}
        title={refused}
        onClick={() => void restore()}
      >
        {text("undo.do")}
      </Button>
      <Button small onClick={() => undo.forget(number)}>
        {shared("do.close")}
      </Button>
    </div>
  );
}
