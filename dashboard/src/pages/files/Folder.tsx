/** What is in a folder, page after page, and what can be done with it. Files that are dropped here are uploaded. */
import { type DragEvent, useRef, useState } from "react";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import type { FileOrder } from "../../gql/graphql";
import { events } from "../../live/events";
import { Button } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { useSettled } from "../../ui/useSettled";
import { type Asked, Dialogs } from "./Dialogs";
import { Entries } from "./Entries";
import css from "./files.module.css";
import { type FilesKey, useFilesText } from "./texts";
import { upload } from "./uploads";
import { Way } from "./Way";

const ORDERS: readonly [FileOrder, FilesKey][] = [
  ["NAME", "files.byName"],
  ["MODIFIED", "files.byTime"],
  ["SIZE", "files.bySize"],
];

export function Folder({ instanceId, path }: { instanceId: string; path: string }) {
  const text = useFilesText();
  const { refused } = useCommands();
  const [order, setOrder] = useState<FileOrder>("NAME");
  const [filter, setFilter] = useState("");
  const wanted = useSettled(filter);
  const [asked, ask] = useState<Asked>();
  const [over, setOver] = useState(false);
  const chooser = useRef<HTMLInputElement>(null);
  // Whoever changes something leaves an event: the folder is read again.
  const latest = useStore(events)?.find((one) => one.instanceId === instanceId && one.kind === "files")?.id;
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (refused) return tell(refused, true);
    const items = [...event.dataTransfer.items];
    const isFile = (item: DataTransferItem) => item.webkitGetAsEntry()?.isDirectory !== true;
    if (!items.every(isFile)) tell(text("files.isFolder"), true);
    const files = items.filter(isFile).map((item) => item.getAsFile());
    upload(
      instanceId,
      path,
      files.filter((file) => file !== null),
    );
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
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            upload(instanceId, path, event.target.files ?? []);
            event.target.value = "";
          }}
        />
        <Button
          kind="primary"
          disabled={refused !== undefined}
          title={refused ?? text("files.dropHint")}
          onClick={() => chooser.current?.click()}
        >
          {text("files.upload")}
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
      <Entries
        key={`${order} ${wanted}`}
        asked={{ id: instanceId, path, order, query: wanted }}
        after={null}
        state={latest}
        ask={ask}
        clear={() => setFilter("")}
      />
      <Dialogs instanceId={instanceId} asked={asked} close={() => ask(undefined)} />
    </section>
  );
}
