/** What is in a folder, page after page, and what can be done with it. Files that are dropped here are uploaded. */
import { type ChangeEvent, type DragEvent, useRef, useState } from "react";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import type { FileOrder, FileRowFragment } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { events } from "../../live/events";
import { Button } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { useSettled } from "../../ui/useSettled";
import { type Asked, Dialogs } from "./Dialogs";
import { chosen, type Dropped, entriesOf, FILES_MOST, read } from "./dropped";
import { Entries } from "./Entries";
import css from "./files.module.css";
import { namesOf } from "./paths";
import { SelectedFiles } from "./SelectedFiles";
import { type FilesKey, useFilesText } from "./texts";
import { upload } from "./uploads";
import { Way } from "./Way";

/** Entries by their paths. */
export type Selected = ReadonlyMap<string, FileRowFragment>;
const NONE: Selected = new Map();

const ORDERS: readonly [FileOrder, FilesKey][] = [
  ["NAME", "files.byName"],
  ["MODIFIED", "files.byTime"],
  ["SIZE", "files.bySize"],
];

export function Folder({ instanceId, path }: { instanceId: string; path: string }) {
  const text = useFilesText();
  const numbers = useNumbers();
  const { refused } = useCommands();
  const [order, setOrder] = useState<FileOrder>("NAME");
  const [filter, setFilter] = useState("");
  const wanted = useSettled(filter);
  const [asked, ask] = useState<Asked>();
  const [over, setOver] = useState(false);
  const [chosenEntries, setChosenEntries] = useState({ filter: "", entries: NONE });
  const files = useRef<HTMLInputElement>(null);
  const folders = useRef<HTMLInputElement>(null);
  // Whoever changes something leaves an event: the folder is read again.
  const latest = useStore(events)?.find((one) => one.instanceId === instanceId && one.kind === "files")?.id;
  const asking = { id: instanceId, path, order, query: wanted };
  // What is selected is in sight: it belongs to the filter with which it was shown.
  const selected = chosenEntries.filter === filter ? chosenEntries.entries : NONE;
  const select = (entries: Selected) => setChosenEntries({ filter: wanted, entries });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (refused) return tell(refused, true);
    void read(entriesOf(event.dataTransfer.items)).then(take);
  };
  const take = async (dropped: Dropped) => {
    const { unread, more } = dropped;
    if (more) tell(text("files.tooMany", { count: numbers.count(FILES_MOST) }), true);
    const notMade = await upload(instanceId, path, dropped);
    const refused = [...unread, ...notMade];
    if (refused.length > 0) tell(text("files.unread", { names: namesOf(refused) }), true);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    void take(chosen(event.target.files ?? []));
    event.target.value = "";
  };
  return (
    <section
      aria-label={text("files.path")}
      className={css.folder}
      data-over={over ? text("files.drop") : undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => event.currentTarget === event.target && setOver(false)}
      onDrop={drop}
    >
      <Way instanceId={instanceId} path={path} />
      <div className={css.tools}>
        <input ref={files} type="file" multiple hidden onChange={choose} />
        <input ref={folders} type="file" webkitdirectory="" hidden onChange={choose} />
        <Button
          kind="primary"
          disabled={refused !== undefined}
          title={refused ?? text("files.dropHint")}
          onClick={() => files.current?.click()}
        >
          {text("files.upload")}
        </Button>
        <Button
          disabled={refused !== undefined}
          title={refused ?? text("files.dropHint")}
          onClick={() => folders.current?.click()}
        >
          {text("files.uploadFolder")}
        </Button>
        <Button disabled={refused !== undefined} title={refused} onClick={() => ask({ for: "folder", path })}>
          {text("files.newFolder")}
        </Button>
        <Button disabled={refused !== undefined} title={refused} onClick={() => ask({ for: "file", path })}>
          {text("files.newFile")}
        </Button>
        <input
          type="search"
          aria-label={text("files.filter")}
          placeholder={text("files.filter")}
          maxLength={256}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        <select
          aria-label={text("files.order")}
          value={order}
          onChange={(event) => setOrder(event.target.value as FileOrder)}
        >
          {ORDERS.map(([name, label]) => (
            <option key={name} value={name}>
              {text(label)}
            </option>
          ))}
        </select>
      </div>
      <SelectedFiles asked={asking} selected={selected} select={select} />
      <Entries
        key={`${order} ${wanted}`}
        asked={asking}
        after={null}
        state={latest}
        ask={ask}
        selected={selected}
        toggle={(entry) => select(toggled(selected, entry))}
        clear={() => setFilter("")}
      />
      <Dialogs
        instanceId={instanceId}
        asked={asked}
        gone={({ path }) => select(without(selected, path))}
        close={() => ask(undefined)}
      />
    </section>
  );
}

function toggled(selected: Selected, entry: FileRowFragment): Selected {
  const next = new Map(selected);
  if (!next.delete(entry.path)) next.set(entry.path, entry);
  return next;
}

function without(selected: Selected, path: string): Selected {
  return new Map([...selected].filter(([one]) => one !== path));
}
