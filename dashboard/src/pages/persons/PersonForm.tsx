/** A form for a new person, or for one who is there. */
import { type FormEvent, useState } from "react";
import { command } from "../../api/connection";
import { useQuery } from "../../api/useQuery";
import { useCommands } from "../../app/useCommand";
import {
  AddPersonDocument,
  EditPersonDocument,
  PersonDetailDocument,
  type PersonDetailQuery,
} from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { useResourceText } from "../../resources/texts";
import type { Undo } from "../../resources/undo";
import { useSaving } from "../../resources/useSaving";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import { NAME_CHARACTERS } from "./Cell";
import css from "./persons.module.css";
import { changeOf, textOf } from "./profile";
import { readPerson } from "./readPerson";
import { refusal, usePersonText } from "./texts";

type Person = NonNullable<PersonDetailQuery["person"]>;

interface Given {
  instanceId: string;
  undo: Undo;
  changed: () => void;
  close: () => void;
}

/** Without an id it makes a new one. */
export function PersonForm({ id, ...given }: Given & { id: string | undefined }) {
  const text = usePersonText();
  if (id !== undefined) return <Existing id={id} {...given} />;
  const title = text("persons.addTitle");
  return (
    <Dialog label={title} close={given.close} className={css.dialog}>
      <Form title={title} person={undefined} {...given} />
    </Dialog>
  );
}

function Existing({ id, ...given }: Given & { id: string }) {
  const text = usePersonText();
  const shared = useText();
  const { instanceId, close } = given;
  const read = useQuery(PersonDetailDocument, { instanceId, id });
  const person = read.data?.person;
  const title = text("persons.editTitle", {
    name: person?.nickname || person?.username || person?.userId || "…",
  });
  return (
    <Dialog label={title} close={close} className={css.dialog}>
      {read.error && <Unread error={read.error} again={read.again} />}
      {!person && !read.error && <Skeleton label={text("persons.loading")} lines={8} />}
      {person ? (
        <Form title={title} person={person} {...given} />
      ) : (
        <div className={parts.row}>
          <Button onClick={close}>{shared("do.close")}</Button>
        </div>
      )}
    </Dialog>
  );
}

const FIELDS = ["userId", "username", "nickname", "avatarUrl"] as const;
const CHARACTERS = {
  userId: 64,
  username: NAME_CHARACTERS,
  nickname: NAME_CHARACTERS,
  avatarUrl: 2048,
};

type Row = {
  userId: string;
  username: string;
  nickname: string;
  avatarUrl: string;
  profile: string;
};

function rowOf(person: Person | undefined): Row {
  const { userId = "", username = "", nickname = "", avatarUrl = "", profile } = person ?? {};
  return { userId, username, nickname, avatarUrl, profile: textOf(profile) };
}

function Form({
  title,
  person,
  instanceId,
  undo,
  changed,
  close,
}: Given & { title: string; person: Person | undefined }) {
  const text = usePersonText();
  const shared = useText();
  const resources = useResourceText();
  const { run, ...commands } = useCommands();
  const [wrong, setWrong] = useState<string>();
  const current = rowOf(person);
  const draft = useDraft(`person.${instanceId}.${person?.id ?? "new"}`, {
    ...current,
    from: current,
    etag: person?.etag ?? "",
  });
  const { changed: unsaved, forget } = draft;
  const { from, etag, ...value } = draft.value;
  // Once something is typed, the draft has all of the row that it is typed over.
  const change = (part: Partial<Row>) => draft.change(unsaved ? part : { ...draft.value, ...part });
  const done = () => {
    forget();
    changed();
    close();
  };
  /** Throws why it is refused, in words. */
  const changeFrom = (before: string, typed: string) => {
    try {
      return changeOf(JSON.parse(before), typed);
    } catch (error) {
      throw new Error(refusal(error as Error, text));
    }
  };
  const saving = useSaving<Row>({
    title,
    label: (field) => text(`persons.${field}`),
    send: async ({ profile, ...names }, over) => {
      const input = {
        instanceId,
        id: person?.id ?? "",
        ifMatch: over.etag,
        ...names,
        profile: profile === undefined ? null : changeFrom(over.row.profile, profile),
      };
      return (await command(EditPersonDocument, { input })).updatePerson?.message ?? "";
    },
    readAgain: async () => {
      const now = await readPerson(instanceId, person?.id ?? "");
      return { row: rowOf(now), etag: now.etag };
    },
    rebase: (now, typed) => draft.change({ ...typed, from: now.row, etag: now.etag }),
    saved: done,
  });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    let profile: unknown;
    try {
      profile = changeFrom(person ? from.profile : "{}", value.profile);
      setWrong(undefined);
    } catch (error) {
      setWrong((error as Error).message);
      return;
    }
    if (person) await saving.save({ row: from, etag }, value);
    else if (await run(title, AddPersonDocument, { input: { instanceId, ...value, profile } })) done();
  };
  const remove = async ({ id }: Person) => {
    if (await commands.attempt(title, undo.remove([id], false))) close();
    changed();
  };
  const { refused } = commands;
  const off = { disabled: saving.busy || commands.busy || refused !== undefined, title: refused };
  return (
    <form className={css.form} onSubmit={(event) => void submit(event)}>
      {saving.dialog}
      <h2>{title}</h2>
      {person && <Facts person={person} />}
      {FIELDS.map((field) => (
        <label key={field} className={parts.field}>
          {text(`persons.${field}`)}
          <input
            required={field === "userId"}
            maxLength={CHARACTERS[field]}
            value={value[field]}
            onChange={(event) => change({ [field]: event.target.value })}
          />
        </label>
      ))}
      <label className={parts.field}>
        {text("persons.profile")}
        <textarea
          rows={5}
          spellCheck={false}
          aria-invalid={wrong !== undefined}
          aria-describedby={wrong && "profile-wrong"}
          value={value.profile}
          onChange={(event) => change({ profile: event.target.value })}
        />
      </label>
      {wrong && (
        <p id="profile-wrong" role="alert">
          {wrong}
        </p>
      )}
      <div className={parts.row}>
        <Button kind="primary" type="submit" {...off}>
          {shared("do.save")}
        </Button>
        {unsaved && <Button onClick={forget}>{shared("do.discard")}</Button>}
        <Button onClick={close}>{shared("do.close")}</Button>
        {person && (
          <Button kind="danger" {...off} onClick={() => void remove(person)}>
            {resources("select.delete")}
          </Button>
        )}
        {unsaved && <span className={parts.dim}>{shared("settings.unsaved")}</span>}
      </div>
    </form>
  );
}

function Facts({ person: { origin, pendingChange, learned } }: { person: Person }) {
  const text = usePersonText();
  const resources = useResourceText();
  const numbers = useNumbers();
  const facts = [
    resources(`origin.${origin}`),
    pendingChange && resources(`pending.${pendingChange}`),
    learned && text("persons.known", { platform: learned.platform, times: numbers.count(learned.times) }),
  ];
  return (
    <>
      <p className={parts.dim}>{facts.filter(Boolean).join(" · ")}</p>
      {learned?.memory && (
        <details>
          <summary>{text("persons.memory")}</summary>
          <pre className={css.memory}>{learned.memory}</pre>
        </details>
      )}
    </>
  );
}
