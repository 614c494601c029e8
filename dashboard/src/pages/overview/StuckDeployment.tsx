import { useEffect, useState } from "react";
import { Link } from "wouter";
import { subscribe } from "../../api/connection";
import { DeploymentProgressDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { useNow } from "../../ui/clock";
import { css as parts } from "../../ui/parts";
import { NeedCard } from "./NeedCard";

/** A step that prints nothing for so long waits for something: a slow network, a mirror that is down. */
const STUCK_MS = 180_000;
const STUCK = { tone: "busy", label: "state.deploymentStuck" } as const;

/** A deployment under way of which nothing was heard for a while; nothing as long as it gets on. */
export function StuckDeployment({ instance }: { instance: Instance }) {
  const text = useText();
  const numbers = useNumbers();
  const [seen, setSeen] = useState({
    at: Date.now(),
    status: "INSTALLING",
    progress: 0,
    message: "",
  });
  useEffect(
    () =>
      subscribe(
        DeploymentProgressDocument,
        () => ({ instanceId: instance.id }),
        ({ deploymentProgress: { deployment } }) => setSeen({ ...deployment, at: Date.now() }),
      ),
    [instance.id],
  );
  const silent = useNow() - seen.at;
  if (silent < STUCK_MS || seen.status !== "INSTALLING") return null;
  const { progress, message } = seen;
  return (
    <NeedCard
      instance={instance}
      condition={STUCK}
      why={text("needs.stuck", { duration: numbers.duration(silent / 1000), progress, message })}
    >
      <Link href={`/deploy/${instance.id}`} className={`${parts.button} ${parts.small}`}>
        {text("do.showDeployment")}
      </Link>
    </NeedCard>
  );
}
