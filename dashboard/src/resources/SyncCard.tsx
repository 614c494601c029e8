/** What waits to be told to the bot's own database, and why; and a button that synchronises now. */
import { useQuery } from "../api/useQuery";
import { useCommands } from "../app/useCommand";
import { SynchronizeDocument, SyncStatusDocument, type SyncStatusQuery } from "../gql/graphql";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import type { Instance } from "../live/instances";
import { Button, Card, css as parts, Skeleton, Unread } from "../ui/parts";
import css from "./resources.module.css";
import { useResourceText } from "./texts";

type Status = NonNullable<NonNullable<SyncStatusQuery["instance"]>["syncStatus"]>;

/** `version` changes with what was changed here. */
export function SyncCard({
  instance,
  version,
  synced,
}: {
  instance: Instance;
  version: number;
  synced: () => void;
}) {
  const text = useResourceText();
  const shared = useText();
  const { run, busy, refused } = useCommands();
  const { id, name, status: state } = instance;
  const read = useQuery(SyncStatusDocument, { id }, `${version} ${state}`);
  const status = read.data?.instance?.syncStatus;
  const sync = async () => {
    await run(`${name} · ${text("sync.title")}`, SynchronizeDocument, { id });
    read.again();
    synced();
  };
  return (
    <Card
      title={text("sync.title")}
      extra={
        <Button small disabled={busy || refused !== undefined} title={refused} onClick={() => void sync()}>
          {text("sync.now")}
        </Button>
      }
    >
      {read.error && <Unread error={read.error} again={read.again} />}
      {status && <StatusText status={status} />}
      {!status && !read.error && <Skeleton label={shared("list.loading")} lines={2} />}
    </Card>
  );
}

function StatusText({ status }: { status: Status }) {
  const text = useResourceText();
  const numbers = useNumbers();
  const { pending, changes, problems } = status;
  const counts = {
    emojis: numbers.count(status.emojisInBot),
    persons: numbers.count(status.personsInBot),
  };
  const facts = [
    status.database ? text("sync.counts", counts) : text("sync.noDatabase"),
    status.lastSync ? text("sync.last", { time: numbers.dateTime(status.lastSync) }) : text("sync.never"),
  ];
  return (
    <div className={css.sync}>
      <p className={parts.dim}>{facts.join(" · ")}</p>
      {status.problem && <p role="alert">{status.problem}</p>}
      {status.lastError && status.lastError !== status.problem && (
        <p role="alert">{text("sync.failed", { reason: status.lastError })}</p>
      )}
      {pending === 0 && <p>{text("sync.none")}</p>}
      {pending > 0 && (
        <details>
          <summary>{text("sync.pending", { count: numbers.count(pending) })}</summary>
          <ul className={css.changes}>
            {changes.map((change) => (
              <li key={`${change.kind} ${change.id}`}>
                <span>
                  {text(`sync.${change.kind}`)} {change.name || change.id.slice(0, 8)}
                </span>
                <span className={parts.dim}>
                  {text(`sync.${change.change}`)} · {text(`sync.${change.when}`)}
                </span>
              </li>
            ))}
            {pending > changes.length && (
              <li className={parts.dim}>
                {text("sync.more", { count: numbers.count(pending - changes.length) })}
              </li>
            )}
          </ul>
        </details>
      )}
      {problems.length > 0 && (
        <details>
          <summary>{text("sync.problems")}</summary>
          <ul className={css.changes}>
            {problems.map((problem) => (
              <li key={`${problem.kind} ${problem.name} ${problem.message}`}>
                <span>
                  {text(`sync.${problem.kind}`)} {problem.name}
                </span>
                <span className={parts.dim}>{problem.message}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
