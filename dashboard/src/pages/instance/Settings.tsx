/** Name, notes and tags, supervision, and deleting. */
import { type FormEvent, useState } from "react";
import { useCommands } from "../../app/useCommand";
import { EditDocument, type Restart, SuperviseDocument } from "../../gql/graphql";
import { type Key, useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button, Card, css as parts } from "../../ui/parts";
import { Deleting } from "./Deleting";
import css from "./instance.module.css";

const RESTARTS: Record<Restart, Key> = {
  NO: "settings.restartNo",
  ON_FAILURE: "settings.restartOnFailure",
  ALWAYS: "settings.restartAlways",
};

export function Settings({ instance }: { instance: Instance }) {
  return (
    <div className={css.columns}>
      <About instance={instance} />
      <Supervision instance={instance} />
      <Deleting instance={instance} />
    </div>
  );
}

function About({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const [name, setName] = useState(instance.name);
  const [notes, setNotes] = useState(instance.notes);
  const [tags, setTags] = useState(instance.tags.join(", "));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const words = tags.split(/[,，]/).map((tag) => tag.trim());
    void run(instance.name, EditDocument, { id: instance.id, name, notes, tags: words.filter(Boolean) });
  };
  return (
    <Card title={text("settings.about")}>
      <form className={css.form} onSubmit={submit}>
        <label className={parts.field}>
          {text("settings.name")}
          <input required value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <label className={parts.field}>
          {text("settings.tags")}
          <input value={tags} onChange={(event) => setTags(event.target.value)} />
        </label>
        <label className={parts.field}>
          {text("settings.notes")}
          <textarea
            rows={4}
            maxLength={4000}
            value={notes}
            onChange={(event) => setNotes(event.target.value)}
          />
        </label>
        <Save disabled={busy || refused !== undefined} title={refused} />
      </form>
    </Card>
  );
}

function Supervision({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const now = instance.supervision;
  const [restart, setRestart] = useState(now.restart);
  const [autostart, setAutostart] = useState(now.autostart);
  const [crashLimit, setCrashLimit] = useState(now.crashLimit);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(instance.name, SuperviseDocument, { id: instance.id, restart, autostart, crashLimit });
  };
  return (
    <Card title={text("settings.supervision")}>
      <form className={css.form} onSubmit={submit}>
        <label className={parts.field}>
          {text("settings.restart")}
          <select value={restart} onChange={(event) => setRestart(event.target.value as Restart)}>
            {Object.entries(RESTARTS).map(([value, label]) => (
              <option key={value} value={value}>
                {text(label)}
              </option>
            ))}
          </select>
        </label>
        <label className={parts.field}>
          {text("settings.crashLimit", { seconds: now.crashWindowS })}
          <input
            type="number"
            min={1}
            required
            value={crashLimit}
            onChange={(event) => setCrashLimit(event.target.valueAsNumber)}
          />
        </label>
        <label className={parts.check}>
          <input
            type="checkbox"
            checked={autostart}
            onChange={(event) => setAutostart(event.target.checked)}
          />
          {text("settings.autostart")}
        </label>
        <Save disabled={busy || refused !== undefined} title={refused} />
      </form>
    </Card>
  );
}

function Save({ disabled, title }: { disabled: boolean; title: string | undefined }) {
  const text = useText();
  return (
    <div className={parts.row}>
      <Button kind="primary" type="submit" disabled={disabled} title={title}>
        {text("do.save")}
      </Button>
    </div>
  );
}
