/** The newest deployment of every bot, newest first, each with its own page. */
import { Link } from "wouter";
import { useQuery } from "../../api/useQuery";
import { useDeploymentText } from "../../deployment/texts";
import { type DeploymentStatus, DeploymentsDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { instances } from "../../live/instances";
import { Card, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./deploy.module.css";
import { useDeployText } from "./texts";

const TONES: Record<DeploymentStatus, string | undefined> = {
  PENDING: parts.busy,
  INSTALLING: parts.busy,
  COMPLETED: parts.good,
  FAILED: parts.bad,
  CANCELLED: parts.idle,
};

export function Deployments() {
  const text = useDeployText();
  const words = useDeploymentText();
  const numbers = useNumbers();
  const { byId } = useStore(instances);
  const states = [...byId.values()].map(({ id, deployment }) => `${id} ${deployment?.status}`).join();
  const { data, error, again } = useQuery(DeploymentsDocument, {}, states);
  const all = data && [...data.deployments].reverse();
  return (
    <Card title={text("list.title")}>
      {error && <Unread error={error} again={again} />}
      {!all && !error && <Skeleton label={text("deploy.reading")} lines={2} />}
      {all?.length === 0 && <p className={parts.dim}>{text("list.none")}</p>}
      <ul className={css.list}>
        {all?.map(({ instanceId, name, kind, status, version, createdAt }) => (
          <li key={instanceId}>
            <Link href={`/deploy/${instanceId}`}>{name}</Link>
            <span className={`${parts.badge} ${TONES[status]}`}>{words(`status.${status}`)}</span>
            <span className={parts.dim}>
              {words(`kind.${kind}`)} · {version} · {numbers.dateTime(createdAt)}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
