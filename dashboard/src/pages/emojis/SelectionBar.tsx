/** What can be done with the selected emojis. */
import { useState } from "react";
import { UnknownOutcome } from "../../api/errors";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import css from "../../resources/resources.module.css";
import { useResourceText } from "../../resources/texts";
import type { Undo } from "../../resources/undo";
import { Button } from "../../ui/parts";
import { BulkEdit } from "./BulkEdit";
import { useEmojiText } from "./texts";

export function SelectionBar({
  instanceId,
  ids,
  total,
  undo,
  all,
  clear,
  changed,
}: {
  instanceId: string;
  ids: ReadonlySet<string>;
  total: number;
  undo: Undo;
  all: () => void;
  clear: () => void;
  changed: () => void;
}) {
  const text = useEmojiText();
  const shared = useText();
  const resources = useResourceText();
  const numbers = useNumbers();
  const { during, busy, refused } = useCommands();
  const [editing, setEditing] = useState(false);
  const remove = async (fromBot: boolean) => {
    try {
      await during(undo.remove([...ids], fromBot));
      clear();
    } catch (error) {
      const name = text("emojis.deleting");
      if (error instanceof UnknownOutcome) tell(shared("do.unknown", { name }), true);
      else tell(shared("do.result", { name, message: (error as Error).message }), true);
    }
    changed();
  };
  const nothing = ids.size === 0;
  const off = { disabled: nothing || busy || refused !== undefined, title: refused };
  return (
    <div className={css.bar}>
      <span role="status">{resources("select.count", { count: numbers.count(ids.size) })}</span>
      <Button small disabled={total === 0} onClick={all}>
        {resources("select.all")}
      </Button>
      <Button small disabled={nothing} onClick={clear}>
        {resources("select.none")}
      </Button>
      <Button small {...off} onClick={() => setEditing(true)}>
        {text("emojis.edit")}
      </Button>
      <Button id="delete-emojis" small kind="danger" {...off} onClick={() => void remove(false)}>
        {text("emojis.delete")}
      </Button>
      <Button
        small
        kind="danger"
        {...off}
        title={refused ?? text("emojis.deleteFromBotWhy")}
        onClick={() => void remove(true)}
      >
        {text("emojis.deleteFromBot")}
      </Button>
      {editing && (
        <BulkEdit instanceId={instanceId} ids={[...ids]} changed={changed} close={() => setEditing(false)} />
      )}
    </div>
  );
}
