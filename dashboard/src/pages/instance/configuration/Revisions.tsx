/** The versions of a file, newest first: who wrote each and when, what it changed, and the way back to it. */
import { useState } from "react";
import { query } from "../../../api/connection";
import { useQuery } from "../../../api/useQuery";
import { useCommands } from "../../../app/useCommand";
import {
  ConfigRevisionDiffDocument,
  ConfigRevisionsDocument,
  type ConfigRevisionsQuery,
} from "../../../gql/graphql";
import { useNumbers } from "../../../i18n/numbers";
import { Button, css as parts, Skeleton, Unread } from "../../../ui/parts";
import css from "./configuration.module.css";
import { DiffText } from "./DiffText";
import type { OpenFile } from "./file";
import { restore } from "./saving";
import { useConfigText } from "./texts";
import { useChanged } from "./useFile";

type Revision = NonNullable<NonNullable<ConfigRevisionsQuery["configFile"]>["revisions"]>[number];

const PAGE = 20;

interface Older {
  /** The version that they are right behind. */
  behind: string | undefined;
  revisions: readonly Revision[];
  /** Whether there are no others. */
  all: boolean;
}

export function Revisions({ file, etag }: { file: OpenFile; etag: string }) {
  const text = useConfigText();
  const [open, setOpen] = useState(false);
  return (
    <details className={css.section} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className={css.sectionName}>{text("config.revisions")}</span>
        <span className={css.comment}>{text("config.revisionsText")}</span>
      </summary>
      {open && <List file={file} etag={etag} />}
    </details>
  );
}

function List({ file, etag }: { file: OpenFile; etag: string }) {
  const text = useConfigText();
  const { instanceId: id, name } = file;
  const { data, error, again } = useQuery(ConfigRevisionsDocument, { id, name, before: null }, etag);
  const [read, setRead] = useState<Older>({ behind: undefined, revisions: [], all: false });
  const [failure, setFailure] = useState<Error>();
  const first = data?.configFile?.revisions;
  if (error && !first) return <Unread error={error} again={again} />;
  if (!first) return <Skeleton label={text("config.loading")} lines={5} />;
  if (first.length === 0) return <p className={parts.dim}>{text("config.noRevisions")}</p>;
  const behind = first.at(-1)?.id;
  // Once there is a newer version, what was read is no longer right behind the first ones.
  const older = read.behind === behind ? read : { revisions: [], all: first.length < PAGE };
  const shown = [...first, ...older.revisions];
  const more = () =>
    query(ConfigRevisionsDocument, { id, name, before: shown.at(-1)?.id ?? null }).then(({ configFile }) => {
      const found = configFile?.revisions ?? [];
      setRead({ behind, revisions: [...older.revisions, ...found], all: found.length < PAGE });
      setFailure(undefined);
    }, setFailure);
  return (
    <>
      <ul className={css.revisions}>
        {shown.map((revision, at) => (
          <RevisionOf key={revision.id} file={file} revision={revision} current={at === 0} />
        ))}
      </ul>
      {failure && <Unread error={failure} again={() => void more()} />}
      {!older.all && (
        <Button small onClick={() => void more()}>
          {text("config.older")}
        </Button>
      )}
    </>
  );
}

function RevisionOf({ file, revision, current }: { file: OpenFile; revision: Revision; current: boolean }) {
  const text = useConfigText();
  const numbers = useNumbers();
  const [open, setOpen] = useState(false);
  const { busy, refused, attempt } = useCommands();
  const changed = useChanged(file);
  const { id, at, source, caller, size } = revision;
  const title = numbers.dateTime(at);
  const why = refused ?? (changed ? text("config.restoreUnsaved") : undefined);
  return (
    <li className={css.revision} aria-label={title}>
      <div className={parts.row}>
        <time dateTime={at}>{title}</time>
        <span>{text(`config.source${source}`)}</span>
        {source !== "DISK" && <span className={parts.dim}>{text("config.by", { caller })}</span>}
        <span className={parts.dim}>{numbers.bytes(size)}</span>
        {current && <strong>{text("config.current")}</strong>}
      </div>
      <div className={parts.row}>
        <Button small aria-expanded={open} onClick={() => setOpen(!open)}>
          {text(open ? "config.hideDiff" : "config.showDiff")}
        </Button>
        {!current && (
          <Button
            small
            disabled={busy || why !== undefined}
            title={why}
            onClick={() => void attempt(`${file.name} · ${text("config.restore")}`, restore(file, id))}
          >
            {text("config.restore")}
          </Button>
        )}
      </div>
      {open && <RevisionDiff file={file} id={id} />}
    </li>
  );
}

function RevisionDiff({ file, id }: { file: OpenFile; id: string }) {
  const text = useConfigText();
  const variables = { id: file.instanceId, name: file.name, revision: id };
  const { data, error, again } = useQuery(ConfigRevisionDiffDocument, variables);
  const diff = data?.configRevision?.diff;
  if (error) return <Unread error={error} again={again} />;
  if (diff == null) return <Skeleton label={text("config.reviewing")} lines={4} />;
  return <DiffText diff={diff} />;
}
