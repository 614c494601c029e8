/** One deployment at an address of its own: whoever leaves and comes back sees how it is now. */
import { Link } from "wouter";
import { useDeployment } from "../../deployment/follow";
import { Otherwise, Outcome } from "../../deployment/Outcome";
import { Progress } from "../../deployment/Progress";
import { useDeploymentText } from "../../deployment/texts";
import type { DeploymentNowFragment } from "../../gql/graphql";
import { type Instance, instances } from "../../live/instances";
import { Card, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { useWanted } from "./draft";
import { useDeployText } from "./texts";

export default function DeploymentPage({ id }: { id: string }) {
  const text = useDeployText();
  const words = useDeploymentText();
  const instance = useStore(instances).byId.get(id);
  const followed = useDeployment(id, instance?.deployment?.status);
  const { deployment, error, again } = followed;
  return (
    <>
      <h1>
        {deployment
          ? text("one.title", {
              name: deployment.name,
              kind: words(`kind.${deployment.kind}`),
              version: deployment.version,
            })
          : text("one.any")}
      </h1>
      {error && <Unread error={error} again={again} />}
      {!deployment && !error && (
        <Card title={text("one.progress")}>
          <Skeleton label={text("deploy.reading")} lines={12} />
        </Card>
      )}
      {deployment && (
        <>
          <Outcome deployment={deployment}>
            {["DEPLOY", "CLONE"].includes(deployment.kind) && (
              <Changed deployment={deployment} instance={instance} />
            )}
          </Outcome>
          <Card title={text("one.progress")}>
            <Progress followed={{ ...followed, deployment }} />
          </Card>
        </>
      )}
      {(deployment || error) && (
        <p className={parts.row}>
          <Link href="/deploy">{text("one.all")}</Link>
          {instance && <Link href={`/instances/${id}`}>{instance.name}</Link>}
        </p>
      )}
    </>
  );
}

function Changed({
  deployment,
  instance,
}: {
  deployment: DeploymentNowFragment;
  instance: Instance | undefined;
}) {
  const { change } = useWanted();
  if (!instance) return null;
  const { name, path, port, services, recipe } = instance;
  const ports = Object.fromEntries(
    [{ name: "main", port }, ...services].flatMap((each) =>
      each.port ? [[each.name, String(each.port)]] : [],
    ),
  );
  const keep = () =>
    change({
      recipe,
      name,
      path,
      ports,
      version: deployment.version,
      services: services.map((each) => each.name),
    });
  return <Otherwise deployment={deployment} keep={keep} />;
}
