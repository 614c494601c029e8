import { useState } from "react";
import { useLocation } from "wouter";
import { useCommands } from "../../app/useCommand";
import { DeleteDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Dialog } from "../../ui/Dialog";
import { Button, Card, css as parts } from "../../ui/parts";

/** Deletes the instance, after saying what becomes of its files. */
export function Deleting({ instance }: { instance: Instance }) {
  const text = useText();
  const [asked, setAsked] = useState(false);
  const [files, setFiles] = useState(false);
  const [, go] = useLocation();
  const { run, busy, refused } = useCommands();
  const { id, name, path } = instance;
  const remove = async () => {
    if (await run(name, DeleteDocument, { id, files })) go("/");
  };
  return (
    <Card title={text("settings.danger")}>
      <p>{text("settings.dangerText", { path })}</p>
      <label className={parts.check}>
        <input type="checkbox" checked={files} onChange={(event) => setFiles(event.target.checked)} />
        {text("settings.deleteFiles")}
      </label>
      <div className={parts.row}>
        <Button
          kind="danger"
          disabled={busy || refused !== undefined}
          title={refused}
          onClick={() => setAsked(true)}
        >
          {text("settings.delete")}
        </Button>
      </div>
      {asked && (
        <Dialog label={text("settings.deleteTitle", { name })} close={() => setAsked(false)}>
          <div style={{ display: "grid", gap: 14 }}>
            <h2>{text("settings.deleteTitle", { name })}</h2>
            <p>{text(files ? "settings.deleteLoses" : "settings.deleteKeeps", { path })}</p>
            <div className={parts.row}>
              <Button kind="danger" disabled={busy} onClick={() => void remove()}>
                {text("settings.deleteConfirm")}
              </Button>
              <Button onClick={() => setAsked(false)}>{text("do.cancel")}</Button>
            </div>
          </div>
        </Dialog>
      )}
    </Card>
  );
}
