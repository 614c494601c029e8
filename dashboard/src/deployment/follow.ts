/** One deployment as it goes on: its state, and what it has said so far. */
import { useEffect, useState } from "react";
import { subscribe } from "../api/connection";
import { type DeploymentNowFragment, FollowDeploymentDocument } from "../gql/graphql";

/** As many sentences as the server keeps. */
const LINES = 1000;

export interface Followed {
  deployment: DeploymentNowFragment | undefined;
  log: readonly string[];
  /** When it last got on, by this machine's clock, in milliseconds. Undefined: it has not begun. */
  activeAt: number | undefined;
  error: Error | undefined;
  again(): void;
}

interface Seen {
  deployment: DeploymentNowFragment;
  log: readonly string[];
  activeAt: number | undefined;
}

/** `state` is anything that changes when a deployment begins anew: what has ended is no longer told of. */
export function useDeployment(instanceId: string, state: string | undefined): Followed {
  const [seen, setSeen] = useState<Seen>();
  const [error, setError] = useState<Error>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    void [state, tries];
    let cursor: number | null = null;
    return subscribe(
      FollowDeploymentDocument,
      () => ({ instanceId, after: cursor }),
      ({ deploymentProgress: { deployment, log, at, cursor: reached } }) => {
        const goesOn = cursor !== null;
        cursor = reached;
        setError(undefined);
        setSeen((before) => ({
          deployment,
          log: [...(goesOn ? (before?.log ?? []) : []), ...log].slice(-LINES),
          activeAt: deployment.activeAt
            ? Date.now() - Math.max(0, Date.parse(at) - Date.parse(deployment.activeAt))
            : undefined,
        }));
      },
      setError,
    );
  }, [instanceId, state, tries]);
  return {
    deployment: seen?.deployment,
    log: seen?.log ?? [],
    activeAt: seen?.activeAt,
    error,
    again: () => setTries(tries + 1),
  };
}
