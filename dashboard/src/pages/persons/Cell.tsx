/** A field of a person in the table, which is edited where it stands. What is typed stays until it is saved or discarded. */
import { type FormEvent, type KeyboardEvent, useRef } from "react";
import { useCommands } from "../../app/useCommand";
import { EditPersonDocument, type PersonRowFragment } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { Button } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import css from "./persons.module.css";
import { usePersonText } from "./texts";

export const NAME_CHARACTERS = 128;

export function Cell({
  instanceId,
  person,
  field,
  place,
  move,
  changed,
}: {
  instanceId: string;
  person: PersonRowFragment;
  field: "username" | "nickname";
  /** Where in the table it is, for the arrow keys. */
  place: string;
  move: (event: KeyboardEvent<HTMLElement>) => void;
  changed: () => void;
}) {
  const text = usePersonText();
  const shared = useText();
  const { run, busy, refused } = useCommands();
  const { id, userId } = person;
  const value = person[field];
  const label = text(`persons.${field}`);
  // It is being edited as long as there is a draft, which may be what the value was.
  const draft = useDraft(`person.${field}.${instanceId}.${id}`, { text: value });
  const takesFocus = useRef(false);
  const focus = (element: HTMLElement | null) => {
    if (!element || !takesFocus.current) return;
    takesFocus.current = false;
    element.focus({ preventScroll: true });
  };
  const close = () => {
    takesFocus.current = true;
    draft.forget();
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || refused !== undefined) return;
    if (draft.value.text === value) return close();
    const input = { instanceId, id, [field]: draft.value.text };
    if (!(await run(text("persons.editTitle", { name: userId }), EditPersonDocument, { input }))) return;
    close();
    changed();
  };
  if (!draft.changed)
    return (
      <td>
        <button
          type="button"
          ref={focus}
          className={css.value}
          data-place={place}
          aria-label={value ? undefined : text("persons.set", { field: label })}
          title={text(value ? "persons.change" : "persons.set", { field: label, value })}
          onClick={() => {
            takesFocus.current = true;
            draft.change({ text: value });
          }}
          onKeyDown={move}
        >
          {value || "—"}
        </button>
      </td>
    );
  return (
    <td data-editing="">
      <form className={css.cell} onSubmit={(event) => void save(event)}>
        <input
          ref={focus}
          aria-label={`${label} ${userId}`}
          maxLength={NAME_CHARACTERS}
          readOnly={busy}
          value={draft.value.text}
          onChange={(event) => draft.change({ text: event.target.value })}
          onBlur={() => draft.value.text === value && draft.forget()}
          onKeyDown={(event) => event.key === "Escape" && close()}
        />
        <Button small kind="primary" type="submit" disabled={busy || refused !== undefined} title={refused}>
          {shared("do.save")}
        </Button>
        <Button small disabled={busy} onClick={close}>
          {shared("do.cancel")}
        </Button>
      </form>
    </td>
  );
}
