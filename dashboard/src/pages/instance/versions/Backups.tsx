import { useState } from "react";
import type { Read } from "../../../api/useQuery";
import { useCommands } from "../../../app/useCommand";
import {
  BackUpDocument,
  type BackupsQuery,
  DeleteBackupDocument,
  RestoreBackupDocument,
} from "../../../gql/graphql";
import { useNumbers } from "../../../i18n/numbers";
import { isUp } from "../../../live/condition";
import type { Instance } from "../../../live/instances";
import { Dialog } from "../../../ui/Dialog";
import { Button, Card, css as parts, Unread } from "../../../ui/parts";
import { CloneForm } from "./Cloning";
import { Confirm } from "./Confirm";
import { useVersionsText } from "./texts";
import css from "./versions.module.css";

type Backup = NonNullable<BackupsQuery["instance"]>["backups"][number];

/** Backups of configuration and data: made, restored with their version checked, and deleted. */
export function Backups({
  instance,
  read: { data, error },
  again,
}: {
  instance: Instance;
  read: Read<BackupsQuery>;
  again: () => void;
}) {
  const text = useVersionsText();
  const { id, name, status } = instance;
  const { run, busy, refused } = useCommands();
  const [asked, ask] = useState<{ is: "restore" | "clone" | "delete"; backup: Backup }>();
  const backups = data?.instance?.backups;
  const why = refused ?? (status === "INSTALLING" ? text("versions.isChanging") : undefined);
  const running = isUp(instance) || instance.services.some(isUp) ? text("backup.stopFirst") : undefined;
  return (
    <Card
      title={text("backup.title")}
      extra={
        <Button
          small
          disabled={busy || why !== undefined}
          title={why}
          onClick={() => void run(name, BackUpDocument, { id }).then(again)}
        >
          {text(busy ? "backup.working" : "backup.make")}
        </Button>
      }
    >
      {error && <Unread error={error} again={again} />}
      {backups?.length === 0 && <p className={parts.dim}>{text("backup.none")}</p>}
      <ul className={css.list}>
        {backups?.map((backup) => (
          <li key={backup.id}>
            <Facts backup={backup} present={instance.version} />
            <span className={parts.row}>
              <Button
                small
                disabled={busy || (why ?? running) !== undefined}
                title={why ?? running}
                onClick={() => ask({ is: "restore", backup })}
              >
                {text("backup.restore")}
              </Button>
              <Button
                small
                disabled={busy || why !== undefined}
                title={why}
                onClick={() => ask({ is: "clone", backup })}
              >
                {text("backup.clone")}
              </Button>
              <Button
                small
                kind="danger"
                disabled={busy || refused !== undefined}
                title={refused}
                onClick={() => ask({ is: "delete", backup })}
              >
                {text("backup.delete")}
              </Button>
            </span>
          </li>
        ))}
      </ul>
      {asked?.is === "restore" && (
        <Restoring
          backup={asked.backup}
          present={instance.version}
          restore={(force) =>
            void run(name, RestoreBackupDocument, { id, backupId: asked.backup.id, force }).then(again)
          }
          close={() => ask(undefined)}
        />
      )}
      {asked?.is === "clone" && (
        <CloningBackup instance={instance} backup={asked.backup} close={() => ask(undefined)} />
      )}
      {asked?.is === "delete" && (
        <Confirm
          title={text("backup.deleteTitle")}
          action={text("backup.delete")}
          confirm={() => void run(name, DeleteBackupDocument, { id, backupId: asked.backup.id }).then(again)}
          close={() => ask(undefined)}
        >
          <Facts backup={asked.backup} present={instance.version} />
        </Confirm>
      )}
    </Card>
  );
}

function Facts({
  backup: { at, size, reason, version, skipped },
  present,
}: {
  backup: Backup;
  present: string;
}) {
  const text = useVersionsText();
  const numbers = useNumbers();
  return (
    <>
      <strong>{numbers.dateTime(at)}</strong>
      <span className={parts.dim}>
        {text(`backup.${reason}`)} · {version} · {numbers.bytes(size)}
      </span>
      {version !== present && <span>{text("backup.other", { version, present })}</span>}
      {skipped.length > 0 && (
        <details>
          <summary>{text("backup.skipped", { count: skipped.length })}</summary>
          <ul>
            {skipped.map((path) => (
              <li key={path}>
                <code>{path}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Restoring({
  backup,
  present,
  restore,
  close,
}: {
  backup: Backup;
  present: string;
  restore: (force: boolean) => void;
  close: () => void;
}) {
  const text = useVersionsText();
  const [force, setForce] = useState(false);
  const other = backup.version !== present;
  return (
    <Confirm
      title={text("backup.restoreTitle")}
      action={text("backup.restore")}
      blocked={other && !force}
      confirm={() => restore(force)}
      close={close}
    >
      <Facts backup={backup} present={present} />
      <p>{text("backup.restoreText")}</p>
      {other && <Force version={backup.version} present={present} force={force} change={setForce} />}
    </Confirm>
  );
}

/** A new bot with the files of this one, but the configuration and data of the backup. */
function CloningBackup({
  instance,
  backup,
  close,
}: {
  instance: Instance;
  backup: Backup;
  close: () => void;
}) {
  const text = useVersionsText();
  const [force, setForce] = useState(false);
  const other = backup.version !== instance.version;
  return (
    <Dialog label={text("backup.cloneTitle")} close={close}>
      <div className={parts.stack}>
        <h2>{text("backup.cloneTitle")}</h2>
        <Facts backup={backup} present={instance.version} />
        <p>{text("backup.cloneText")}</p>
        <p className={parts.dim}>{text("clone.shares")}</p>
        {other && (
          <Force version={backup.version} present={instance.version} force={force} change={setForce} />
        )}
        <CloneForm
          instance={instance}
          backup={backup.id}
          force={force}
          blocked={other && !force}
          cancel={close}
        />
      </div>
    </Dialog>
  );
}

function Force({
  version,
  present,
  force,
  change,
}: {
  version: string;
  present: string;
  force: boolean;
  change: (force: boolean) => void;
}) {
  const text = useVersionsText();
  return (
    <label className={parts.check}>
      <input type="checkbox" checked={force} onChange={(event) => change(event.target.checked)} />
      <span>{text("backup.force", { version, present })}</span>
    </label>
  );
}
