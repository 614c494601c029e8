/** What is installed and what is offered, the way to another version and back, backups, and copies. */
import { useQuery } from "../../../api/useQuery";
import { useDeployment } from "../../../deployment/follow";
import { Outcome } from "../../../deployment/Outcome";
import { Progress } from "../../../deployment/Progress";
import { BackupsDocument, KeptDocument } from "../../../gql/graphql";
import type { Instance } from "../../../live/instances";
import { Card, Skeleton } from "../../../ui/parts";
import { Backups } from "./Backups";
import { Cloning } from "./Cloning";
import { Kept } from "./Kept";
import { useVersionsText } from "./texts";
import { Upgrading } from "./Upgrading";
import css from "./versions.module.css";

export default function VersionsTab({ instance }: { instance: Instance }) {
  const { deployment } = instance;
  const busy = deployment?.status === "PENDING" || deployment?.status === "INSTALLING";
  return (
    <>
      {deployment && (busy || deployment.kind === "UPGRADE") && <Last instance={instance} />}
      <div className={css.columns}>
        {!busy && <Upgrading key={`${instance.version} ${deployment?.status}`} instance={instance} />}
        <OnDisk instance={instance} />
      </div>
    </>
  );
}

/** Each part has its place once all are read, so that nothing jumps. */
function OnDisk({ instance }: { instance: Instance }) {
  const text = useVersionsText();
  const { id, deployment, status, version } = instance;
  const backups = useQuery(BackupsDocument, { id }, `${deployment?.status} ${status}`);
  const kept = useQuery(KeptDocument, { id }, `${version} ${deployment?.status}`);
  if ([backups, kept].some(({ data, error }) => !data && !error))
    return (
      <Card title={text("backup.title")}>
        <Skeleton label={text("versions.reading")} lines={6} />
      </Card>
    );
  const again = () => {
    backups.again();
    kept.again();
  };
  return (
    <div className={css.stack}>
      <Backups instance={instance} read={backups} again={again} />
      <Kept instance={instance} read={kept} again={again} />
      <Cloning instance={instance} />
    </div>
  );
}

/** The change of version that is under way, or how the last one ended. */
function Last({ instance: { id, deployment } }: { instance: Instance }) {
  const text = useVersionsText();
  const followed = useDeployment(id, deployment?.status);
  if (!followed.deployment) return null;
  const now = followed.deployment;
  return (
    <>
      {now.status === "FAILED" && <Outcome deployment={now} />}
      {now.endedAt === null && (
        <Card title={text("versions.changing", { version: now.version })}>
          <Progress followed={{ ...followed, deployment: now }} />
        </Card>
      )}
    </>
  );
}
