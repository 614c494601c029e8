/** The profile of many persons at once, and fields of theirs that are emptied. */
import { type FormEvent, useState } from "react";
import { EditPersonsDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { useBulk } from "../../resources/useBulk";
import { listOf } from "../../resources/words";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import { editsOf } from "./edits";
import css from "./persons.module.css";
import { joinedChange, type Profile } from "./profile";
import { refusal, usePersonText } from "./texts";

const EMPTIED = ["username", "nickname", "avatarUrl"] as const;
const NOTHING = { set: "", remove: "", username: false, nickname: false, avatarUrl: false };

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
  const text = usePersonText();
  const shared = useText();
  const numbers = useNumbers();
  const { edit, busy, refused } = useBulk();
  const [wrong, setWrong] = useState<string>();
  const draft = useDraft(`persons.bulk.${instanceId}`, NOTHING);
  const { value, change } = draft;
  const title = text("bulk.title", { count: numbers.count(ids.length) });
  const emptied = Object.fromEntries(EMPTIED.filter((field) => value[field]).map((field) => [field, ""]));
  const removed = listOf(value.remove);
  const same = !value.set.trim() && removed.length === 0 && Object.keys(emptied).length === 0;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    let profile: Profile;
    try {
      profile = joinedChange(value.set, removed);
      setWrong(undefined);
    } catch (error) {
      setWrong(refusal(error as Error, text));
      return;
    }
    const note = editsOf(instanceId).begin(
      profile,
      EMPTIED.filter((field) => value[field]),
    );
    const done = await edit(
      ids,
      EditPersonsDocument,
      (some) => ({ instanceId, persons: some.map((id) => ({ id, profile, ...emptied })) }),
      ({ updatePersons }) => updatePersons && note(updatePersons),
    );
    changed();
    if (!done) return;
    draft.forget();
    close();
  };
  return (
    <Dialog label={title} close={close} className={css.dialog}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        <label className={parts.field}>
          {text("bulk.set")}
          <textarea
            rows={4}
            spellCheck={false}
            aria-invalid={wrong !== undefined}
            aria-describedby={wrong && "bulk-wrong"}
            placeholder={'{"group": "friends"}'}
            value={value.set}
            onChange={(event) => change({ set: event.target.value })}
          />
        </label>
        {wrong && (
          <p id="bulk-wrong" role="alert">
            {wrong}
          </p>
        )}
        <label className={parts.field}>
          {text("bulk.remove")}
          <input value={value.remove} onChange={(event) => change({ remove: event.target.value })} />
        </label>
        {EMPTIED.map((field) => (
          <label key={field} className={parts.check}>
            <input
              type="checkbox"
              checked={value[field]}
              onChange={(event) => change({ [field]: event.target.checked })}
            />
            {text("bulk.empty", { field: text(`persons.${field}`) })}
          </label>
        ))}
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
