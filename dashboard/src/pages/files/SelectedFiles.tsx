/** What can be done with the selected entries of a folder. */
import { lazy, Suspense, useState } from "react";
import { query } from "../../api/connection";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import { FolderDocument, type FolderQueryVariables } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { SELECTED_MOST } from "../../resources/selection";
import { useResourceText } from "../../resources/texts";
import { Button } from "../../ui/parts";
import { kindBehind } from "./Entries";
import type { Selected } from "./Folder";
import css from "./files.module.css";
import { contentAddress, namesOf } from "./paths";
import { useFilesText } from "./texts";

const DeleteMany = lazy(() => import("./DeleteMany"));

type Asked = Omit<FolderQueryVariables, "after">;
/** Browsers ignore downloads that begin one right after the other. */
const BETWEEN_DOWNLOADS_MS = 300;

export function SelectedFiles({
  asked,
  selected,
  select,
}: {
  asked: Asked;
  selected: Selected;
  select: (selected: Selected) => void;
}) {
  const text = useFilesText();
  const resources = useResourceText();
  const numbers = useNumbers();
  const { busy, refused, attempt } = useCommands();
  const [deleting, setDeleting] = useState(false);
  const entries = [...selected.values()];
  const nothing = entries.length === 0;
  const none = () => select(new Map());
  const all = async () => {
    const found = await everything(asked);
    if (found.size === SELECTED_MOST) tell(resources("select.most", { count: numbers.count(SELECTED_MOST) }));
    select(found);
  };
  const download = async () => {
    const isFile = entries.filter((entry) => kindBehind(entry) === "FILE");
    const others = entries.filter((entry) => !isFile.includes(entry)).map(({ name }) => name);
    if (others.length > 0) tell(text("files.notDownloaded", { names: namesOf(others) }), true);
    for (const { path, name } of isFile) {
      const link = document.createElement("a");
      link.href = contentAddress(asked.id, path);
      link.download = name;
      link.click();
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_DOWNLOADS_MS));
    }
  };
  return (
    <div className={css.selected}>
      <span role="status">{resources("select.count", { count: numbers.count(entries.length) })}</span>
      <Button
        small
        disabled={busy || refused !== undefined}
        title={refused}
        onClick={() => void attempt(resources("select.all"), all())}
      >
        {resources("select.all")}
      </Button>
      <Button small disabled={nothing} onClick={none}>
        {resources("select.none")}
      </Button>
      <Button
        small
        disabled={nothing || busy || refused !== undefined}
        title={refused}
        onClick={() => void attempt(text("files.selectedDownload"), download())}
      >
        {text("files.selectedDownload")}
      </Button>
      <Button
        small
        kind="danger"
        disabled={nothing || refused !== undefined}
        title={refused}
        onClick={() => setDeleting(true)}
      >
        {text("files.selectedDelete")}
      </Button>
      {deleting && (
        <Suspense>
          <DeleteMany
            instanceId={asked.id}
            entries={entries}
            close={(left) => {
              setDeleting(false);
              select(new Map(left.map((entry) => [entry.path, entry])));
            }}
          />
        </Suspense>
      )}
    </div>
  );
}

/** All of the folder that matches and can be changed, as many as can be selected. */
async function everything(asked: Asked): Promise<Selected> {
  const found = new Map<string, Selected extends ReadonlyMap<string, infer Entry> ? Entry : never>();
  let after: string | null = null;
  for (;;) {
    const { folder }: Awaited<ReturnType<typeof pageOf>> = await pageOf(asked, after);
    for (const entry of folder?.entries ?? []) {
      if (found.size === SELECTED_MOST) return found;
      if (!entry.mounted) found.set(entry.path, entry);
    }
    if (!folder?.more) return found;
    after = folder.cursor;
  }
}

function pageOf(asked: Asked, after: string | null) {
  return query(FolderDocument, { ...asked, after });
}
