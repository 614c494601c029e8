/** Tags and the category of many emojis at once. */
import type { FormEvent } from "react";
import { EditEmojisDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { useBulk } from "../../resources/useBulk";
import { listOf } from "../../resources/words";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import css from "./emojis.module.css";
import { useEmojiText } from "./texts";

const NOTHING = { add: "", remove: "", category: "", noCategory: false };

export function BulkEdit({
  instanceId,
  ids,
  changed,
  close,
}: {
  instanceId: string;
  ids: readonly string[];
  changed: () => void;
  close: () => void;
}) {
  const text = useEmojiText();
  const shared = useText();
  const numbers = useNumbers();
  const { edit, busy, refused } = useBulk();
  const draft = useDraft(`emojis.bulk.${instanceId}`, NOTHING);
  const { add, remove, category, noCategory } = draft.value;
  const title = text("bulk.title", { count: numbers.count(ids.length) });
  const change = {
    addTags: listOf(add),
    removeTags: listOf(remove),
    category: noCategory ? "" : category.trim() || null,
  };
  const same = !change.addTags.length && !change.removeTags.length && change.category === null;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const done = await edit(ids, EditEmojisDocument, (some) => ({
      instanceId,
      emojis: some.map((id) => ({ id, name: null, description: null, tags: null, ...change })),
    }));
    changed();
    if (!done) return;
    draft.forget();
    close();
  };
  return (
    <Dialog label={title} close={close}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        <label className={parts.field}>
          {text("bulk.addTags")}
          <input value={add} onChange={(event) => draft.change({ add: event.target.value })} />
        </label>
        <label className={parts.field}>
          {text("bulk.removeTags")}
          <input value={remove} onChange={(event) => draft.change({ remove: event.target.value })} />
        </label>
        <label className={parts.field}>
          {text("bulk.setCategory")}
          <input
            value={category}
            maxLength={64}
            disabled={noCategory}
            onChange={(event) => draft.change({ category: event.target.value })}
          />
        </label>
        <label className={parts.check}>
          <input
            type="checkbox"
            checked={noCategory}
            onChange={(event) => draft.change({ noCategory: event.target.checked })}
          />
          {text("bulk.clearCategory")}
        </label>
        <div className={parts.row}>
          <Button
            kind="primary"
            type="submit"
            disabled={busy || same || refused !== undefined}
            title={refused}
          >
            {text("bulk.save")}
          </Button>
          <Button onClick={close}>{shared("do.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
