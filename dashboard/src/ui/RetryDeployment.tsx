import { Link } from "wouter";
import { useCommands } from "../app/useCommand";
import { RetryDeploymentDocument } from "../gql/graphql";
import { useText } from "../i18n/text";
import type { Instance } from "../live/instances";
import { Button, css as parts } from "./parts";

/** What helps after a deployment that has failed: trying again, and the page that says all of it. */
export function RetryDeployment({ instance: { id, name } }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  return (
    <>
      <Button
        small
        disabled={busy || refused !== undefined}
        title={refused}
        onClick={() => void run(name, RetryDeploymentDocument, { id })}
      >
        {text("do.retryDeployment")}
      </Button>
      <Link href={`/deploy/${id}`} className={`${parts.button} ${parts.small}`}>
        {text("do.showDeployment")}
      </Link>
    </>
  );
}
