/** Says what was deleted, and undoes it as long as the server can. */
import { useEffect } from "react";
import { useCommands } from "../app/useCommand";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { useNow } from "../ui/clock";
import { Button, css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import css from "./resources.module.css";
import { useResourceText } from "./texts";
import type { Undo } from "./undo";

export function UndoBar({ undo, restored }: { undo: Undo; restored: () => void }) {
  const deleted = useStore(undo.deleted);
  return (
    <div role="status" className={css.undo}>
      {deleted && <Offer key={deleted.until} undo={undo} deleted={deleted} restored={restored} />}
    </div>
  );
}

function Offer({
  undo,
  deleted,
  restored,
}: {
  undo: Undo;
  deleted: { ids: readonly string[]; until: number };
  restored: () => void;
}) {
  const text = useResourceText();
  const shared = useText();
  const numbers = useNumbers();
  const { busy, refused, attempt } = useCommands();
  const left = Math.ceil((deleted.until - useNow()) / 1000);
  const over = left <= 0;
  useEffect(() => {
    if (over && !busy) undo.forget();
  }, [over, busy, undo]);
  const restore = async () => {
    await attempt(text("undo.failed"), undo.restore());
    restored();
  };
  return (
    <>
      <span>{text("undo.deleted", { count: numbers.count(deleted.ids.length) })}</span>
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
      <Button small onClick={undo.forget}>
        {shared("do.close")}
      </Button>
    </>
  );
}
