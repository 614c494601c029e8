/** What is asked before something is created, renamed or deleted. */
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { useCommands } from "../../app/useCommand";
import {
  CreateFileDocument,
  CreateFolderDocument,
  DeleteFileDocument,
  type FileRowFragment,
  RenameFileDocument,
} from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts } from "../../ui/parts";
import css from "./files.module.css";
import { escaped, joined } from "./paths";
import { useFilesText } from "./texts";
import { fileAddress } from "./Way";

export type Asked =
  | { for: "folder" | "file"; path: string }
  | { for: "rename"; entry: FileRowFragment }
  | { for: "delete"; entry: FileRowFragment };

export function Dialogs({
  instanceId,
  asked,
  gone,
  close,
}: {
  instanceId: string;
  asked: Asked | undefined;
  /** Is told an entry that is no longer there by its path. */
  gone: (entry: FileRowFragment) => void;
  close: () => void;
}) {
  if (!asked) return null;
  const done = () => {
    if ("entry" in asked) gone(asked.entry);
    close();
  };
  if (asked.for === "delete") {
    return <Deleting instanceId={instanceId} entry={asked.entry} done={done} close={close} />;
  }
  return <Naming instanceId={instanceId} asked={asked} done={done} close={close} />;
}

const TITLES = { folder: "files.newFolder", file: "files.newFile" } as const;

function Naming({
  instanceId,
  asked,
  done,
  close,
}: {
  instanceId: string;
  asked: Exclude<Asked, { for: "delete" }>;
  done: () => void;
  close: () => void;
}) {
  const text = useFilesText();
  const shared = useText();
  const { run, busy, refused } = useCommands();
  const [, go] = useLocation();
  const renamed = asked.for === "rename" ? asked.entry : undefined;
  const [name, setName] = useState(renamed?.path ?? "");
  const title =
    asked.for === "rename" ? text("files.renameOf", { name: asked.entry.name }) : text(TITLES[asked.for]);
  const carryOut = () => {
    if (asked.for === "rename") {
      return run(asked.entry.name, RenameFileDocument, {
        id: instanceId,
        path: asked.entry.path,
        newPath: name,
      });
    }
    const made = { id: instanceId, path: joined(asked.path, escaped(name)) };
    return asked.for === "file" ? run(name, CreateFileDocument, made) : run(name, CreateFolderDocument, made);
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!(await carryOut())) return;
    done();
    if (asked.for === "file") go(fileAddress(instanceId, joined(asked.path, escaped(name))));
  };
  return (
    <Dialog label={title} close={close}>
      <form className={css.dialog} onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        <label className={parts.field}>
          {text(renamed ? "files.newPath" : "files.name")}
          <input required maxLength={4096} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <div className={parts.row}>
          <Button kind="primary" type="submit" disabled={busy || refused !== undefined} title={refused}>
            {text(renamed ? "files.rename" : "files.create")}
          </Button>
          <Button onClick={close}>{shared("do.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

const LOST = { FOLDER: "files.deleteFolder", LINK: "files.deleteLink" } as const;

function Deleting({
  instanceId,
  entry: { name, path, kind },
  done,
  close,
}: {
  instanceId: string;
  entry: FileRowFragment;
  done: () => void;
  close: () => void;
}) {
  const text = useFilesText();
  const shared = useText();
  const { run, busy, refused } = useCommands();
  const title = text("files.deleteTitle", { name });
  const remove = async () => {
    const recursive = kind === "FOLDER";
    if (await run(name, DeleteFileDocument, { id: instanceId, path, recursive })) done();
  };
  return (
    <Dialog label={title} close={close}>
      <div className={css.dialog}>
        <h2>{title}</h2>
        <p>{text(kind === "FOLDER" || kind === "LINK" ? LOST[kind] : "files.deleteFile")}</p>
        <div className={parts.row}>
          <Button
            kind="danger"
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void remove()}
          >
            {text("files.delete")}
          </Button>
          <Button onClick={close}>{shared("do.cancel")}</Button>
        </div>
      </div>
    </Dialog>
  );
}
