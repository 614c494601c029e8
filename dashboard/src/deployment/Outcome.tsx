/** How a deployment ended: what is left to do, or what went wrong, why, and the way on. */
import { type ReactNode, useState } from "react";
import { Link, useLocation } from "wouter";
import { useCommands } from "../app/useCommand";
import { DeleteDocument, type DeploymentNowFragment, RetryDeploymentDocument } from "../gql/graphql";
import { useNumbers } from "../i18n/numbers";
import { Output } from "../ui/Output";
import { Button, css as parts } from "../ui/parts";
import css from "./deployment.module.css";
import { useDeploymentText } from "./texts";

export function Outcome({
  deployment,
  children,
}: {
  deployment: DeploymentNowFragment;
  /** What else can be done after a failure. */
  children?: ReactNode;
}) {
  const text = useDeploymentText();
  const numbers = useNumbers();
  const { status, message, todo, instanceId, failure, endedAt } = deployment;
  if (endedAt === null) return null;
  if (status === "FAILED") return <Failure deployment={deployment}>{children}</Failure>;
  if (status === "CANCELLED")
    return (
      <section className={parts.card} aria-label={text("outcome.cancelled")}>
        <h2>{text("outcome.cancelled")}</h2>
        <p>{text("outcome.cancelledText", { time: numbers.dateTime(endedAt) })}</p>
      </section>
    );
  const title = text(failure ? "outcome.almost" : "outcome.done");
  return (
    <section className={`${parts.card} ${failure ? css.almost : css.good}`} aria-label={title}>
      <h2>{title}</h2>
      <p>{message}</p>
      {failure && failure.lastLines.length > 0 && <LastLines lines={failure.lastLines} />}
      {todo.length > 0 && (
        <div>
          <h3>{text("outcome.todo")}</h3>
          <ul className={css.todo}>
            {todo.map((task) => (
              <li key={task}>{task}</li>
            ))}
          </ul>
        </div>
      )}
      <div className={parts.row}>
        <Link href={`/instances/${instanceId}`} className={`${parts.button} ${parts.primary}`}>
          {text("outcome.open")}
        </Link>
      </div>
    </section>
  );
}

function Failure({ deployment, children }: { deployment: DeploymentNowFragment; children?: ReactNode }) {
  const text = useDeploymentText();
  const { run, busy, refused } = useCommands();
  const { name, instanceId, failure, kind } = deployment;
  const title = text(kind === "UPGRADE" ? "failure.upgrade" : "failure.title", { name });
  const blocked = busy || refused !== undefined;
  return (
    <section className={`${parts.card} ${css.failure}`} aria-label={title}>
      <h2>{title}</h2>
      {failure?.step && (
        <p>
          <strong>{text("failure.step")}</strong> {text(`step.${failure.step}`)}
        </p>
      )}
      <p>
        <strong>{text("failure.why")}</strong> {failure?.message ?? deployment.message}
      </p>
      {failure && failure.lastLines.length > 0 && <LastLines lines={failure.lastLines} />}
      <p>
        <strong>{text("failure.todo")}</strong> {text(`failure.${adviceFor(failure?.code)}`)}
      </p>
      <div className={parts.row}>
        <Button
          kind="primary"
          disabled={blocked}
          title={refused}
          onClick={() => void run(name, RetryDeploymentDocument, { id: instanceId })}
        >
          {text("failure.retry")}
        </Button>
        {children}
      </div>
    </section>
  );
}

type Advice = "download" | "version" | "space" | "path" | "other";

function adviceFor(code: string | undefined): Advice {
  switch (code) {
    case "DOWNLOAD_FAILED":
      return "download";
    case "VERSION_NOT_FOUND":
      return "version";
    case "INSUFFICIENT_SPACE":
      return "space";
    case "INVALID_PATH":
      return "path";
    default:
      return "other";
  }
}

function LastLines({ lines }: { lines: readonly string[] }) {
  const text = useDeploymentText();
  return (
    <div className={css.log}>
      <h3>{text("failure.lastLines")}</h3>
      <Output label={text("failure.lastLines")} text={lines.join("\n")} />
    </div>
  );
}

/** Removes a deployment that has failed, and lets one choose anew what it was given. */
export function Otherwise({ deployment, keep }: { deployment: DeploymentNowFragment; keep: () => void }) {
  const text = useDeploymentText();
  const [, go] = useLocation();
  const { run, busy, refused } = useCommands();
  const [left, setLeft] = useState(false);
  const remove = async (path: string) => {
    setLeft(true);
    if (await run(deployment.name, DeleteDocument, { id: deployment.instanceId, files: false })) go(path);
    else setLeft(false);
  };
  const blocked = busy || left || refused !== undefined;
  return (
    <>
      <Button
        disabled={blocked}
        title={refused}
        onClick={() => {
          keep();
          void remove("/deploy");
        }}
      >
        {text("failure.change")}
      </Button>
      <Button kind="danger" disabled={blocked} title={refused} onClick={() => void remove("/")}>
        {text("failure.remove")}
      </Button>
    </>
  );
}
