import { useState } from "react";
import { type Read, useQuery } from "../api/useQuery";
import { useCommands } from "../app/useCommand";
import { VersionsDocument, type VersionsQuery } from "../gql/graphql";
import { useNumbers } from "../i18n/numbers";
import { Button, css as parts } from "../ui/parts";
import css from "./deployment.module.css";
import { useDeploymentText } from "./texts";

export interface Versions extends Read<VersionsQuery> {
  /** Asks the repository itself. */
  refresh(): void;
}

/** The versions that a bot has, as they were when its repository was last asked. */
export function useVersions(recipe: string): Versions {
  const [refresh, setRefresh] = useState(false);
  const read = useQuery(VersionsDocument, { recipe, refresh });
  return { ...read, refresh: () => (refresh ? read.again() : setRefresh(true)) };
}

/** Whoever shows it says why the versions could not be read. */
export function VersionChoice({
  versions: { data, refresh },
  version,
  choose,
}: {
  versions: Versions;
  version: string;
  choose: (version: string) => void;
}) {
  const text = useDeploymentText();
  const numbers = useNumbers();
  const { refused } = useCommands();
  const list = data?.deployVersions;
  const named = list?.versions.some(({ name }) => name === version);
  return (
    <>
      <label className={parts.field}>
        {text("version.choose")}
        <select className={css.choice} value={version} onChange={(event) => choose(event.target.value)}>
          {!named && <option value={version}>{version}</option>}
          {list?.versions.map(({ name, kind, stable, target }) => (
            <option key={name} value={name}>
              {kind === "ALIAS"
                ? text("version.latest", { version: target ?? name })
                : kind === "BRANCH"
                  ? text("version.branch", { name })
                  : stable
                    ? name
                    : text("version.unstable", { name })}
            </option>
          ))}
        </select>
      </label>
      <div className={parts.row}>
        {list && (
          <span className={parts.dim}>
            {text("version.fetchedAt", { time: numbers.dateTime(list.fetchedAt) })}
          </span>
        )}
        <Button small disabled={refused !== undefined} title={refused} onClick={refresh}>
          {text("version.refresh")}
        </Button>
      </div>
    </>
  );
}
