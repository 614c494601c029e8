/** One page of a folder, and those behind it as far as they were asked for. */
import { useState } from "react";
import { Link } from "wouter";
import { useQuery } from "../../api/useQuery";
import { useCommands } from "../../app/useCommand";
import { FolderDocument, type FolderQueryVariables, type FileRowFragment as Row } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { Button, css as parts, Skeleton, Unread } from "../../ui/parts";
import type { Asked } from "./Dialogs";
import css from "./files.module.css";
import { contentAddress } from "./paths";
import { useFilesText } from "./texts";
import { fileAddress, folderAddress } from "./Way";

const EDITED_MOST = 1 << 20;

interface Place {
  asked: Omit<FolderQueryVariables, "after">;
  /** The cursor behind which this page begins. */
  after: string | null;
  /** Changes when the folder is to be read again. */
  state: string | undefined;
  ask: (asked: Asked) => void;
  selected: ReadonlyMap<string, Row>;
  toggle: (entry: Row) => void;
  clear: () => void;
}

export function Entries(place: Place) {
  const { asked, after, state, ask, selected, toggle, clear } = place;
  const text = useFilesText();
  const numbers = useNumbers();
  const [opened, setOpened] = useState(false);
  const { data, error, again } = useQuery(FolderDocument, { ...asked, after }, state);
  const page = data?.folder;
  if (error) return <Unread error={error} again={again} />;
  if (!page) return <Skeleton label={text("files.reading")} lines={8} />;
  const first = after === null;
  return (
    <>
      {first && (
        <p className={parts.dim} role="status">
          {text("files.count", { count: numbers.count(page.total) })}
        </p>
      )}
      {page.truncated && first && <p>{text("files.truncated")}</p>}
      {first && page.total === 0 && (
        <div className={parts.row}>
          <p>{text(asked.query ? "files.noMatch" : "files.empty")}</p>
          {asked.query ? (
            <Button small onClick={clear}>
              {text("files.clear")}
            </Button>
          ) : (
            <p className={parts.dim}>{text("files.dropHint")}</p>
          )}
        </div>
      )}
      <ul className={css.list}>
        {page.entries.map((entry) => (
          <Entry
            key={entry.path}
            instanceId={asked.id}
            entry={entry}
            ask={ask}
            selected={selected.has(entry.path)}
            toggle={() => toggle(entry)}
          />
        ))}
      </ul>
      {page.more &&
        (opened ? (
          <Entries {...place} after={page.cursor} />
        ) : (
          <div className={parts.row}>
            <Button onClick={() => setOpened(true)}>{text("files.showMore")}</Button>
          </div>
        ))}
    </>
  );
}

function Entry({
  instanceId,
  entry,
  ask,
  selected,
  toggle,
}: {
  instanceId: string;
  entry: Row;
  ask: (asked: Asked) => void;
  selected: boolean;
  toggle: () => void;
}) {
  const text = useFilesText();
  const numbers = useNumbers();
  const { refused } = useCommands();
  const [opened, setOpened] = useState(false);
  const { name, path, kind, size, modifiedAt, mounted } = entry;
  const leadsTo = kindBehind(entry);
  return (
    <li className={css.entry} data-on={selected ? "" : undefined}>
      <input
        type="checkbox"
        aria-label={text("files.select", { name })}
        disabled={mounted}
        checked={selected}
        onChange={toggle}
      />
      <span className={css.name} data-kind={kind}>
        <Name instanceId={instanceId} entry={entry} leadsTo={leadsTo} />
        <About entry={entry} />
      </span>
      <span className={css.size}>{kind === "FILE" ? numbers.bytes(size) : ""}</span>
      <time className={css.time} dateTime={modifiedAt}>
        {numbers.dateTime(modifiedAt)}
      </time>
      <span className={css.opener}>
        <Button
          small
          aria-label={text("files.actionsOf", { name })}
          aria-expanded={opened}
          onClick={() => setOpened(!opened)}
        >
          ⋯
        </Button>
      </span>
      <span className={css.actions} data-opened={opened ? "" : undefined}>
        {leadsTo === "FILE" && (
          <a
            className={`${parts.button} ${parts.small}`}
            href={contentAddress(instanceId, path)}
            download
            aria-label={text("files.downloadOf", { name })}
          >
            {text("files.download")}
          </a>
        )}
        {!mounted && (
          <>
            <Button
              small
              disabled={refused !== undefined}
              title={refused}
              aria-label={text("files.renameOf", { name })}
              onClick={() => ask({ for: "rename", entry })}
            >
              {text("files.rename")}
            </Button>
            <Button
              small
              disabled={refused !== undefined}
              title={refused}
              aria-label={text("files.deleteOf", { name })}
              onClick={() => ask({ for: "delete", entry })}
            >
              {text("files.delete")}
            </Button>
          </>
        )}
      </span>
    </li>
  );
}

/** What one gets who opens it; null if it cannot be opened. */
export function kindBehind({ mounted, kind, targetKind }: Row): Row["targetKind"] {
  if (mounted) return null;
  return kind === "LINK" ? targetKind : kind;
}

function Name({
  instanceId,
  entry,
  leadsTo,
}: {
  instanceId: string;
  entry: Row;
  leadsTo: Row["targetKind"];
}) {
  const text = useFilesText();
  const { name, path, size, kind } = entry;
  if (leadsTo === "FOLDER") return <Link href={folderAddress(instanceId, path)}>{name}/</Link>;
  if (leadsTo !== "FILE") return name;
  if (kind === "FILE" && size > EDITED_MOST) return <span title={text("files.tooLarge")}>{name}</span>;
  return <Link href={fileAddress(instanceId, path)}>{name}</Link>;
}

/** What is special about it. */
function About({ entry: { kind, target, targetKind, mounted } }: { entry: Row }) {
  const text = useFilesText();
  if (mounted) return <small className={parts.dim}>{text("files.mounted")}</small>;
  if (kind === "OTHER") return <small className={parts.dim}>{text("files.other")}</small>;
  if (kind !== "LINK") return null;
  const said = targetKind ? "files.linkTo" : "files.linkAway";
  return <small className={parts.dim}>{text(said, { target: target ?? "" })}</small>;
}
