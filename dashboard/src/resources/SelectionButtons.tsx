/** How many rows are selected, and the buttons that every list has for them. */
import type { ReactNode } from "react";
import { useCommands } from "../app/useCommand";
import { useNumbers } from "../i18n/numbers";
import { Button } from "../ui/parts";
import css from "./resources.module.css";
import { useResourceText } from "./texts";
import type { Undo } from "./undo";
import type { Selecting } from "./useSelection";

export function SelectionButtons({
  selection: { ids, total, all, clear },
  undo,
  deleting,
  changed,
  children,
}: {
  selection: Selecting;
  undo: Undo;
  /** What a failed deletion is called. */
  deleting: string;
  changed: () => void;
  children?: ReactNode;
}) {
  const text = useResourceText();
  const numbers = useNumbers();
  const { attempt, busy, refused } = useCommands();
  const remove = async (fromBot: boolean) => {
    if (await attempt(deleting, undo.remove([...ids], fromBot))) clear();
    changed();
  };
  const nothing = ids.size === 0;
  const off = { disabled: nothing || busy || refused !== undefined, title: refused };
  return (
    <div className={css.bar}>
      <span role="status">{text("select.count", { count: numbers.count(ids.size) })}</span>
      <Button small disabled={total === 0} onClick={all}>
        {text("select.all")}
      </Button>
      <Button small disabled={nothing} onClick={clear}>
        {text("select.none")}
      </Button>
      {children}
      <Button small kind="danger" {...off} data-delete="" onClick={() => void remove(false)}>
        {text("select.delete")}
      </Button>
      <Button
        small
        kind="danger"
        {...off}
        title={refused ?? text("select.deleteFromBotWhy")}
        onClick={() => void remove(true)}
      >
        {text("select.deleteFromBot")}
      </Button>
    </div>
  );
}
