import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { command } from "../../../api/connection";
import { UnknownOutcome } from "../../../api/errors";
import { useCommands } from "../../../app/useCommand";
import { CloneDocument } from "../../../gql/graphql";
import { useText } from "../../../i18n/text";
import type { Instance } from "../../../live/instances";
import { Button, Card, css as parts } from "../../../ui/parts";
import { useDraft } from "../../../ui/useDraft";
import { useVersionsText } from "./texts";

/** A copy with the present configuration and data, and ports of its own. */
export function Cloning({ instance }: { instance: Instance }) {
  const text = useVersionsText();
  return (
    <Card title={text("clone.title")}>
      <p>{text("clone.text")}</p>
      <p className={parts.dim}>{text("clone.shares")}</p>
      <CloneForm instance={instance} />
    </Card>
  );
}

/** `backup`: where the copy's configuration and data come from, instead of from the present ones. `cancel`: a way back. */
export function CloneForm({
  instance,
  backup,
  force = false,
  blocked = false,
  cancel,
}: {
  instance: Instance;
  backup?: string;
  force?: boolean;
  blocked?: boolean;
  cancel?: () => void;
}) {
  const text = useVersionsText();
  const shared = useText();
  const [, go] = useLocation();
  const { id } = instance;
  const { value, change, forget } = useDraft(`clone.${id}.${backup ?? ""}`, {
    name: `${instance.name}-copy`,
    path: "",
    port: "",
  });
  const { during, busy, refused } = useCommands();
  const [failure, setFailure] = useState<Error>();
  const why = refused ?? (instance.status === "INSTALLING" ? text("versions.isChanging") : undefined);
  const clone = async (event: FormEvent) => {
    event.preventDefault();
    const { name, path, port } = value;
    const variables = {
      id,
      name,
      path: path.trim() || null,
      port: port.trim() ? Number(port) || 0 : null,
      backupId: backup ?? null,
      force,
    };
    try {
      const { cloneInstance } = await during(command(CloneDocument, variables));
      forget();
      go(`/deploy/${cloneInstance?.deployment.instanceId}`);
    } catch (error) {
      setFailure(error as Error);
    }
  };
  const field = (name: keyof typeof value, placeholder = "") => (
    <label className={parts.field}>
      {text(`clone.${name}`)}
      <input
        value={value[name]}
        placeholder={placeholder}
        inputMode={name === "port" ? "numeric" : "text"}
        onChange={(event) => change({ [name]: event.target.value })}
      />
    </label>
  );
  return (
    <form className={parts.stack} onSubmit={(event) => void clone(event)}>
      {field("name")}
      {field("path", text("clone.inWorkspace"))}
      {field("port", text("clone.anyPort"))}
      {failure && (
        <div className={parts.problem} role="alert">
          {failure instanceof UnknownOutcome ? shared("do.unknown", { name: value.name }) : failure.message}
        </div>
      )}
      <div className={parts.row}>
        <Button type="submit" disabled={busy || blocked || why !== undefined} title={why}>
          {text("clone.make")}
        </Button>
        {cancel && <Button onClick={cancel}>{shared("do.cancel")}</Button>}
      </div>
    </form>
  );
}
