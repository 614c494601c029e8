import type { DeployPreviewQuery } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import css from "./deploy.module.css";
import { useDeployText } from "./texts";

type Found = NonNullable<DeployPreviewQuery["deployPreview"]>;

/** What was found out before anything begins. */
export function Proposal({ found }: { found: Found }) {
  const text = useDeployText();
  const numbers = useNumbers();
  const { version, path, ports, spaceNeeded, spaceFree, duration } = found;
  const rows = [
    [text("deploy.version"), version],
    [text("deploy.folder"), path],
    [text("deploy.ports"), ports.map(({ port }) => port).join(", ")],
    [
      text("deploy.disk"),
      text("deploy.diskText", { needed: numbers.bytes(spaceNeeded), free: numbers.bytes(spaceFree) }),
    ],
    [
      text("deploy.duration"),
      text("deploy.durationText", {
        least: numbers.duration(duration.leastS),
        most: numbers.duration(duration.mostS),
      }),
    ],
  ];
  return (
    <dl className={css.facts}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
