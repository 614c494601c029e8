/** A field of a person in the table, which is edited where it stands. What is typed stays until it is saved or discarded. */
import { type FormEvent, type KeyboardEvent, useRef } from "react";
import { command } from "../../api/connection";
import { EditPersonDocument, type PersonRowFragment } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { useSaving } from "../../resources/useSaving";
import { Button } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import css from "./persons.module.css";
import { readPerson } from "./readPerson";
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
  const { id, userId, etag } = person;
  const value = person[field];
  const label = text(`persons.${field}`);
  // It is being edited as long as there is a draft, which may be what the value was: `from`.
  const draft = useDraft(`person.${field}.${instanceId}.${id}`, { text: value, from: value, etag });
  const { from } = draft.value;
  const takesFocus = useRef(false);
  const focus = (element: HTMLElement | null) => {
    if (!element || !takesFocus.current) return;
    takesFocus.current = false;
    element.focus({ preventScroll: true });
    // On a narrow screen it begins beside what is seen, or ends there.
    element.closest("form")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const close = () => {
    takesFocus.current = true;
    draft.forget();
  };
  const { save, dialog, busy, refused } = useSaving<{ text: string }>({
    title: text("persons.editTitle", { name: userId }),
    label: () => label,
    send: async ({ text: typed }, over) => {
      const input = { instanceId, id, ifMatch: over.etag, [field]: typed };
      return (await command(EditPersonDocument, { input })).updatePerson?.message ?? "";
    },
    readAgain: async () => {
      const now = await readPerson(instanceId, id);
      return { row: { text: now[field] }, etag: now.etag };
    },
    rebase: (now, typed) => {
      changed();
      if (typed.text === now.row.text) close();
      else draft.change({ text: typed.text, from: now.row.text, etag: now.etag });
    },
    saved: () => {
      close();
      changed();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy || refused !== undefined) return;
    if (draft.value.text === from) return close();
    void save({ row: { text: from }, etag: draft.value.etag }, { text: draft.value.text });
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
            draft.change({ text: value, from: value, etag });
          }}
          onKeyDown={move}
        >
          {value || "—"}
        </button>
      </td>
    );
  return (
    <td data-editing="">
      <form className={css.cell} onSubmit={submit}>
        <input
          ref={focus}
          aria-label={`${label} ${userId}`}
          maxLength={NAME_CHARACTERS}
          readOnly={busy}
          value={draft.value.text}
          onChange={(event) => draft.change({ text: event.target.value })}
          onBlur={() => draft.value.text === from && draft.forget()}
          onKeyDown={(event) => event.key === "Escape" && close()}
        />
        <Button small kind="primary" type="submit" disabled={busy || refused !== undefined} title={refused}>
          {shared("do.save")}
        </Button>
        <Button small disabled={busy} onClick={close}>
          {shared("do.cancel")}
        </Button>
      </form>
      {dialog}
    </td>
  );
}
