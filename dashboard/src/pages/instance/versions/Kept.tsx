import { useState } from "react";
import type { Read } from "../../../api/useQuery";
import { useCommands } from "../../../app/useCommand";
import { DropKeptDocument, type KeptKind, type KeptQuery, RollBackDocument } from "../../../gql/graphql";
import { useNumbers } from "../../../i18n/numbers";
import type { Instance } from "../../../live/instances";
import { Button, Card, css as parts, Unread } from "../../../ui/parts";
import { Confirm } from "./Confirm";
import { useVersionsText } from "./texts";
import css from "./versions.module.css";

type Asked = { is: "drop"; kind: KeptKind } | { is: "back"; version: string };

/** What upgrades, failed deployments and backups keep on the disk, the way back to the former version, and dropping it. */
export function Kept({
  instance,
  read: { data, error },
  again,
}: {
  instance: Instance;
  read: Read<KeptQuery>;
  again: () => void;
}) {
  const text = useVersionsText();
  const numbers = useNumbers();
  const { id, name, deployment, version } = instance;
  const { run, busy, refused } = useCommands();
  const [asked, ask] = useState<Asked>();
  const kept = data?.keptFiles;
  const changing = deployment?.status === "PENDING" || deployment?.status === "INSTALLING";
  const why = refused ?? (changing ? text("versions.isChanging") : undefined);
  const drop = async (kind: KeptKind) => {
    if (await run(name, DropKeptDocument, { id, kinds: [kind] })) again();
  };
  return (
    <Card title={text("kept.title")}>
      {error && <Unread error={error} again={again} />}
      {kept?.length === 0 && <p className={parts.dim}>{text("kept.none")}</p>}
      <ul className={css.list}>
        {kept?.map(({ kind, path, size, version: former }) => (
          <li key={path}>
            <strong>{text(`kept.${kind}`, { version: former })}</strong>
            <span className={parts.dim}>{text("kept.size", { size: numbers.bytes(size), path })}</span>
            <span className={parts.row}>
              {kind === "FORMER" && (
                <Button
                  small
                  disabled={busy || why !== undefined}
                  title={why}
                  onClick={() => ask({ is: "back", version: former })}
                >
                  {text("kept.back", { version: former })}
                </Button>
              )}
              <Button
                small
                kind="danger"
                disabled={busy || why !== undefined}
                title={why}
                onClick={() => ask({ is: "drop", kind })}
              >
                {text("kept.drop")}
              </Button>
            </span>
          </li>
        ))}
      </ul>
      {asked?.is === "drop" && (
        <Confirm
          title={text("kept.dropTitle")}
          action={text("kept.drop")}
          confirm={() => void drop(asked.kind)}
          close={() => ask(undefined)}
        >
          <p>{text(`kept.loses${asked.kind}`)}</p>
        </Confirm>
      )}
      {asked?.is === "back" && (
        <Confirm
          title={text("kept.backTitle", { version: asked.version })}
          action={text("kept.back", { version: asked.version })}
          confirm={() => void run(name, RollBackDocument, { id })}
          close={() => ask(undefined)}
        >
          <p>{text("kept.backText", { from: version, to: asked.version })}</p>
        </Confirm>
      )}
    </Card>
  );
}
