/** Finds settings in all files of a bot, by name, comment or value. */
import { useState } from "react";
import { Link } from "wouter";
import { useQuery } from "../../../api/useQuery";
import { SearchConfigDocument } from "../../../gql/graphql";
import type { Instance } from "../../../live/instances";
import { css as parts, Unread } from "../../../ui/parts";
import { useSettled } from "../../../ui/useSettled";
import css from "./configuration.module.css";
import { dotted } from "./file";
import { useConfigText } from "./texts";

const MOST_CHARACTERS = 200;

export function Search({ instance }: { instance: Instance }) {
  const text = useConfigText();
  const [typed, setTyped] = useState("");
  const wanted = useSettled(typed.trim());
  return (
    <search className={css.search}>
      <label className={parts.field}>
        {text("config.search")}
        <input
          type="search"
          maxLength={MOST_CHARACTERS}
          placeholder={text("config.searchHint")}
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
        />
      </label>
      {wanted !== "" && <Found id={instance.id} wanted={wanted} />}
    </search>
  );
}

function Found({ id, wanted }: { id: string; wanted: string }) {
  const text = useConfigText();
  const { data, error, again } = useQuery(SearchConfigDocument, { id, text: wanted });
  const found = data?.searchConfig;
  if (error) return <Unread error={error} again={again} />;
  if (!found) return <p className={parts.dim}>{text("config.checking")}</p>;
  const { hits, total, unread } = found;
  const told =
    total === 0
      ? text("config.nothing")
      : total > hits.length
        ? text("config.foundFirst", { count: total, shown: hits.length })
        : text("config.found", { count: total });
  return (
    <>
      <p role="status" className={parts.dim}>
        {told}
      </p>
      <ul className={css.hits}>
        {hits.map(({ file, value }) => {
          const key = dotted(value.path);
          const asked = new URLSearchParams({ file, key, line: String(value.line) });
          return (
            <li key={`${file} ${key}`}>
              <Link href={`/instances/${id}/configuration?${asked}`} className={css.fileLink}>
                <strong>{key}</strong>
                <span className={css.filePath}>{file}</span>
                {value.comment && <span className={css.comment}>{value.comment}</span>}
              </Link>
            </li>
          );
        })}
      </ul>
      {unread.map(({ name, reason }) => (
        <p key={name} className={css.wrong}>
          {text("config.unread", { name, reason })}
        </p>
      ))}
    </>
  );
}
