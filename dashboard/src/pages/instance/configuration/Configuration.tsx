/** The configuration of a bot: its files and those of its services and plugins, a search over all, and the file that is open. */
import { Link, useSearch } from "wouter";
import { useQuery } from "../../../api/useQuery";
import { ConfigFilesDocument } from "../../../gql/graphql";
import { events } from "../../../live/events";
import type { Instance } from "../../../live/instances";
import { css as parts, Skeleton, Unread } from "../../../ui/parts";
import { useStore } from "../../../ui/store";
import css from "./configuration.module.css";
import { type ConfigFile, FileEditor } from "./FileEditor";
import { Search } from "./Search";
import { useConfigText } from "./texts";
import { isUnsaved, unsaved } from "./work";

export default function Configuration({ instance }: { instance: Instance }) {
  const text = useConfigText();
  const { id } = instance;
  const latest = useStore(events)?.find(({ instanceId }) => instanceId === id)?.id;
  const { data, error, again } = useQuery(ConfigFilesDocument, { id }, `${instance.version} ${latest}`);
  const asked = new URLSearchParams(useSearch());
  const files = data?.configFiles;
  if (error && !files) return <Unread error={error} again={again} />;
  if (!files) return <Skeleton label={text("config.loading")} lines={10} />;
  if (files.length === 0)
    return (
      <div className={parts.card}>
        <h2>{text("config.none")}</h2>
        <p>{text("config.noneText")}</p>
      </div>
    );
  const first = files.find(({ exists }) => exists) ?? files[0];
  const name = asked.get("file") ?? first?.name;
  const open = files.find((file) => file.name === name);
  const line = Number(asked.get("line") ?? Number.NaN);
  return (
    <div className={css.configuration}>
      <aside className={css.aside}>
        <Search instance={instance} />
        <nav aria-label={text("config.files")}>
          <ul className={css.files}>
            {files.map((file) => (
              <FileLink key={file.name} instance={instance} file={file} current={file === open} />
            ))}
          </ul>
        </nav>
      </aside>
      {open ? (
        <FileEditor
          key={open.name}
          instance={instance}
          entry={open}
          wanted={asked.get("key") ?? undefined}
          line={Number.isSafeInteger(line) ? line : undefined}
        />
      ) : (
        <p>{text("config.gone", { name: name ?? "" })}</p>
      )}
    </div>
  );
}

function FileLink({ instance, file, current }: { instance: Instance; file: ConfigFile; current: boolean }) {
  const text = useConfigText();
  const { name, path, component, exists } = file;
  const notes = [
    component === "main" ? undefined : text("config.ofProgram", { name: component }),
    exists ? undefined : text("config.missing"),
  ].filter(Boolean);
  return (
    <li>
      <Link
        href={`/instances/${instance.id}/configuration?file=${encodeURIComponent(name)}`}
        className={css.fileLink}
        aria-current={current ? "page" : undefined}
      >
        <span>
          <strong>{name}</strong>{" "}
          {isUnsaved(useStore(unsaved), instance.id, name) && (
            <span className={css.changed}>{text("config.unsavedFile")}</span>
          )}
        </span>
        <span className={css.filePath}>{path}</span>
        {notes.length > 0 && <span className={css.filePath}>{notes.join(" · ")}</span>}
      </Link>
    </li>
  );
}
