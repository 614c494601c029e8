import { useState } from "react";
import { useQuery } from "../../../api/useQuery";
import { useCommands } from "../../../app/useCommand";
import { Terms } from "../../../deployment/Terms";
import { useVersions, VersionChoice, type Versions } from "../../../deployment/VersionChoice";
import { TermsDocument, UpgradeDocument, UpgradePreviewDocument } from "../../../gql/graphql";
import { useNumbers } from "../../../i18n/numbers";
import type { Instance } from "../../../live/instances";
import { Problems } from "../../../ui/Problems";
import { Button, Card, css as parts, Skeleton, Unreads } from "../../../ui/parts";
import { useVersionsText } from "./texts";
import css from "./versions.module.css";

/** Another version, with what changing to it would do. */
export function Upgrading({ instance }: { instance: Instance }) {
  const text = useVersionsText();
  const versions = useVersions(instance.recipe);
  const [version, choose] = useState("latest");
  return (
    <Card title={text("versions.title")}>
      <p>{text("versions.installed", { version: instance.version })}</p>
      <VersionChoice versions={versions} version={version} choose={choose} />
      <Change key={version} instance={instance} version={version} versions={versions} />
    </Card>
  );
}

function Change({
  instance,
  version,
  versions,
}: {
  instance: Instance;
  version: string;
  versions: Versions;
}) {
  const text = useVersionsText();
  const numbers = useNumbers();
  const { id, name, recipe } = instance;
  const [force, setForce] = useState(false);
  const { run, busy, refused } = useCommands();
  const preview = useQuery(UpgradePreviewDocument, { id, version });
  const terms = useQuery(TermsDocument, { version, recipe });
  const found = preview.data?.upgradePreview;
  const consent = terms.data?.consent;
  if (preview.error) return <Unreads of={[versions, preview, terms]} />;
  if (!found) return <Skeleton label={text("versions.reading")} lines={16} />;
  // What only needs to be confirmed: an older version, or the same one again.
  const forced = found.problems.filter(isForced);
  const problems = found.problems.filter((problem) => !isForced(problem));
  const asks = found.terms.length > 0;
  const why =
    refused ??
    (problems.length > 0 || (forced.length > 0 && !force) ? text("versions.mend") : undefined) ??
    (asks && !consent ? text("versions.reading") : undefined);
  const change = (acceptTerms: boolean) =>
    void run(name, UpgradeDocument, {
      id,
      version: asks && consent ? consent.version : version,
      acceptTerms,
      force,
    });
  const range = ({ leastS, mostS }: { leastS: number; mostS: number }) => ({
    least: numbers.duration(leastS),
    most: numbers.duration(mostS),
  });
  return (
    <>
      <Unreads of={asks ? [versions, terms] : [versions]} />
      <ul className={css.effects}>
        <li>{text("versions.change", { from: instance.version, to: found.version })}</li>
        <li>
          {text("versions.disk", {
            needed: numbers.bytes(found.spaceNeeded),
            free: numbers.bytes(found.spaceFree),
          })}
        </li>
        <li>{text("versions.duration", range(found.duration))}</li>
        <li>
          {found.downtime ? text("versions.downtime", range(found.downtime)) : text("versions.noDowntime")}
        </li>
        <li>{text("versions.back")}</li>
        {found.todo.map((task) => (
          <li key={task}>{text("versions.todo", { task })}</li>
        ))}
      </ul>
      <Problems of={problems} />
      {forced.map(({ code }) => (
        <label key={code} className={parts.check}>
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.target.checked)} />
          <span>{text(code === "DUPLICATE_RESOURCE" ? "versions.same" : "versions.older")}</span>
        </label>
      ))}
      {asks && consent && (
        <>
          <p>{text("versions.terms", { version: consent.version })}</p>
          <Terms consent={consent} names={found.terms} />
        </>
      )}
      <div className={parts.row}>
        <Button kind="primary" disabled={busy || why !== undefined} title={why} onClick={() => change(asks)}>
          {text(asks ? "versions.acceptUpgrade" : "versions.upgrade", { version: found.version })}
        </Button>
        {asks && (
          <Button disabled={busy || why !== undefined} title={why} onClick={() => change(false)}>
            {text("versions.unaccepted")}
          </Button>
        )}
      </div>
    </>
  );
}

function isForced({ field, code }: { field: string | null; code: string }): boolean {
  return field === "force" || (field === "version" && code === "DUPLICATE_RESOURCE");
}
