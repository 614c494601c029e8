/** Deletes several entries, one after the other, and says what became of each. */
import { useRef, useState } from "react";
import { command } from "../../api/connection";
import { UnknownOutcome } from "../../api/errors";
import { useCommands } from "../../app/useCommand";
import { DeleteFileDocument, type FileRowFragment } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts } from "../../ui/parts";
import css from "./files.module.css";
import { useFilesText } from "./texts";

/** What became of an entry. `unknown`: the connection was lost while it was being deleted. */
type Result = { is: "deleting" | "deleted" | "unknown" } | { is: "failed"; message: string };

export default function DeleteMany({
  instanceId,
  entries,
  close,
}: {
  instanceId: string;
  entries: readonly FileRowFragment[];
  /** Is told those that are left. */
  close: (left: readonly FileRowFragment[]) => void;
}) {
  const text = useFilesText();
  const shared = useText();
  const numbers = useNumbers();
  const { busy, refused, during } = useCommands();
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map());
  const stopped = useRef(false);
  const title = text("files.manyTitle", { count: numbers.count(entries.length) });
  const left = entries.filter(({ path }) => results.get(path)?.is !== "deleted");
  const failed = left.filter(({ path }) => results.get(path)?.is === "failed").length;
  const remove = async () => {
    stopped.current = false;
    let complete = true;
    for (const { path, kind } of left) {
      if (stopped.current) return;
      const put = (result: Result) => setResults((now) => new Map(now).set(path, result));
      put({ is: "deleting" });
      try {
        await command(DeleteFileDocument, { id: instanceId, path, recursive: kind === "FOLDER" });
        put({ is: "deleted" });
      } catch (error) {
        complete = false;
        if (error instanceof UnknownOutcome) return put({ is: "unknown" }); // and nothing would reach the server
        put({ is: "failed", message: (error as Error).message });
      }
    }
    if (complete) close([]);
  };
  const leave = () => {
    stopped.current = true;
    if (!busy) close(left);
  };
  const begun = results.size > 0;
  return (
    <Dialog label={title} close={leave}>
      <div className={css.dialog}>
        <h2>{title}</h2>
        <p>{text("files.manyText")}</p>
        <ul className={css.results}>
          {entries.map(({ path }) => (
            <li key={path}>
              <span>{path}</span>
              <Said result={results.get(path)} />
            </li>
          ))}
        </ul>
        {begun && !busy && (
          <p role="status">
            {text("files.manyDone", {
              done: numbers.count(entries.length - left.length),
              failed: numbers.count(failed),
            })}
          </p>
        )}
        <div className={parts.row}>
          <Button
            kind="danger"
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void during(remove())}
          >
            {begun ? shared("do.again") : text("files.delete")}
          </Button>
          <Button onClick={leave}>{shared(begun && !busy ? "do.close" : "do.cancel")}</Button>
        </div>
      </div>
    </Dialog>
  );
}

function Said({ result }: { result: Result | undefined }) {
  const text = useFilesText();
  if (!result) return null;
  if (result.is === "failed") return <span data-bad="">{result.message}</span>;
  if (result.is === "unknown") return <span data-bad="">{text("files.notDeleted")}</span>;
  return <span className={parts.dim}>{text(`files.${result.is}`)}</span>;
}
