/** Name, notes and tags, supervision, and deleting. */
import type { FormEvent } from "react";
import { useCommands } from "../../app/useCommand";
import { EditDocument, type Restart, SuperviseDocument } from "../../gql/graphql";
import { type Key, useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button, Card, css as parts } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
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
  const { id } = instance;
  const current = { name: instance.name, notes: instance.notes, tags: instance.tags.join(", ") };
  const { value, changed, change, forget } = useDraft(`about.${id}`, current);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { name, notes } = value;
    const tags = value.tags.split(/[,，]/).map((tag) => tag.trim());
    if (await run(instance.name, EditDocument, { id, name, notes, tags: tags.filter(Boolean) })) forget();
  };
  return (
    <Card title={text("settings.about")}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <label className={parts.field}>
          {text("settings.name")}
          <input required value={value.name} onChange={(event) => change({ name: event.target.value })} />
        </label>
        <label className={parts.field}>
          {text("settings.tags")}
          <input value={value.tags} onChange={(event) => change({ tags: event.target.value })} />
        </label>
        <label className={parts.field}>
          {text("settings.notes")}
          <textarea
            rows={4}
            maxLength={4000}
            value={value.notes}
            onChange={(event) => change({ notes: event.target.value })}
          />
        </label>
        <Save
          disabled={busy || refused !== undefined}
          title={refused}
          discard={changed ? forget : undefined}
        />
      </form>
    </Card>
  );
}

function Supervision({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const { id } = instance;
  const { restart, autostart, crashLimit, crashWindowS } = instance.supervision;
  const { value, changed, change, forget } = useDraft(`supervision.${id}`, {
    restart,
    autostart,
    crashLimit,
  });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await run(instance.name, SuperviseDocument, { id, ...value })) forget();
  };
  return (
    <Card title={text("settings.supervision")}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <label className={parts.field}>
          {text("settings.restart")}
          <select
            value={value.restart}
            onChange={(event) => change({ restart: event.target.value as Restart })}
          >
            {Object.entries(RESTARTS).map(([name, label]) => (
              <option key={name} value={name}>
                {text(label)}
              </option>
            ))}
          </select>
        </label>
        <label className={parts.field}>
          {text("settings.crashLimit", { seconds: crashWindowS })}
          <input
            type="number"
            min={1}
            required
            value={Number.isFinite(value.crashLimit) ? value.crashLimit : ""}
            onChange={(event) => change({ crashLimit: event.target.valueAsNumber })}
          />
        </label>
        <label className={parts.check}>
          <input
            type="checkbox"
            checked={value.autostart}
            onChange={(event) => change({ autostart: event.target.checked })}
          />
          {text("settings.autostart")}
        </label>
        <Save
          disabled={busy || refused !== undefined}
          title={refused}
          discard={changed ? forget : undefined}
        />
      </form>
    </Card>
  );
}

function Save({
  disabled,
  title,
  discard,
}: {
  disabled: boolean;
  title: string | undefined;
  discard: (() => void) | undefined;
}) {
  const text = useText();
  return (
    <div className={parts.row}>
      <Button kind="primary" type="submit" disabled={disabled} title={title}>
        {text("do.save")}
      </Button>
      {discard && (
        <>
          <Button onClick={discard}>{text("do.discard")}</Button>
          <span className={parts.dim}>{text("settings.unsaved")}</span>
        </>
      )}
    </div>
  );
}
