/** Adds a folder that has a bot in it already: what was found there is shown first. */
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";
import { command } from "../../api/connection";
import { UnknownOutcome } from "../../api/errors";
import { useQuery } from "../../api/useQuery";
import { useCommands } from "../../app/useCommand";
import { AddInstanceDocument, type AddInstanceInput, AddPreviewDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { Problems } from "../../ui/Problems";
import { Button, Card, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import { useSettled } from "../../ui/useSettled";
import css from "./deploy.module.css";
import { portOf } from "./draft";
import { FoundPrograms } from "./FoundPrograms";
import { useDeployText } from "./texts";

interface Folder {
  path: string;
  name?: string;
  port?: string;
  runCommand?: string;
}

const FIELDS = ["name", "port", "path"];

export default function AddPage() {
  const text = useDeployText();
  const draft = useDraft<Folder>("add", { path: "" });
  const path = useSettled(draft.value.path.trim());
  return (
    <>
      <h1>{text("add.title")}</h1>
      <div className={css.columns}>
        <Card title={text("add.folder")}>
          <label className={parts.field}>
            {text("add.path")}
            <input
              value={draft.value.path}
              placeholder="~/MaiBot"
              onChange={(event) => draft.change({ path: event.target.value })}
            />
          </label>
          <p className={parts.dim}>{text("add.pathText")}</p>
          <p className={parts.dim}>
            <Link href="/deploy">{text("add.toDeploy")}</Link>
          </p>
        </Card>
        {path !== "" && <Found key={path} path={path} draft={draft} />}
      </div>
    </>
  );
}

function Found({ path, draft }: { path: string; draft: ReturnType<typeof useDraft<Folder>> }) {
  const text = useDeployText();
  const shared = useText();
  const [, go] = useLocation();
  const { during, busy, refused } = useCommands();
  const [failure, setFailure] = useState<Error>();
  const { name, port, runCommand } = draft.value;
  const input: AddInstanceInput = {
    path,
    name: name ?? "",
    port: portOf(port),
    runCommand: runCommand?.trim() ? runCommand : null,
  };
  const asked = JSON.stringify(input);
  const settled = useSettled(asked);
  const { data, error, current, again } = useQuery(AddPreviewDocument, {
    input: JSON.parse(settled) as AddInstanceInput,
  });
  const found = data?.addPreview;
  if (error && !found) return <Unread error={error} again={again} />;
  if (!found)
    return (
      <Card title={text("add.found")}>
        <Skeleton label={text("deploy.reading")} lines={6} />
      </Card>
    );
  const main = found.programs[0];
  const wrong = settled === asked && current && found.problems.length > 0 ? text("deploy.mend") : undefined;
  const why = refused ?? wrong;
  const add = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const { addInstance } = await during(
        command(AddInstanceDocument, { input: { ...input, name: name ?? found.name } }),
      );
      draft.forget();
      go(`/instances/${addInstance?.instance.id}`);
    } catch (failed) {
      setFailure(failed as Error);
    }
  };
  return (
    <Card title={text("add.found")}>
      {error && <Unread error={error} again={again} />}
      <form className={css.found} onSubmit={(event) => void add(event)}>
        <p>
          {found.recipe} {found.version} · <code>{found.path}</code>
        </p>
        <FoundPrograms programs={found.programs} runCommand={input.runCommand ?? null} />
        <Problems of={found.problems} field="path" />
        <label className={parts.field}>
          {text("deploy.name")}
          <input
            value={name ?? found.name}
            onChange={(event) => draft.change({ name: event.target.value })}
          />
        </label>
        <Problems of={found.problems} field="name" />
        <label className={parts.field}>
          {text("add.port")}
          <input
            inputMode="numeric"
            value={port ?? main?.port ?? ""}
            onChange={(event) => draft.change({ port: event.target.value })}
          />
        </label>
        <Problems of={found.problems} field="port" />
        <label className={parts.field}>
          {text("add.command")}
          <input
            value={runCommand ?? ""}
            placeholder={main?.command ?? ""}
            onChange={(event) => draft.change({ runCommand: event.target.value })}
          />
        </label>
        <Problems of={found.problems} fields={FIELDS} />
        {found.remarks.map((remark) => (
          <p key={remark} className={css.remark}>
            {remark}
          </p>
        ))}
        {failure && (
          <div className={parts.problem} role="alert">
            {failure instanceof UnknownOutcome
              ? shared("do.unknown", { name: found.name })
              : text("add.refused", { message: failure.message })}
          </div>
        )}
        <div className={parts.row}>
          <Button type="submit" kind="primary" disabled={busy || why !== undefined} title={why}>
            {text("add.add")}
          </Button>
        </div>
      </form>
    </Card>
  );
}
