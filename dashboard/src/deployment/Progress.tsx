/** A deployment under way: its steps, how far it is, how much longer it is likely to take, and what it says. */
import { useCommands } from "../app/useCommand";
import { CancelDeploymentDocument, type DeploymentNowFragment, type DeploymentStep } from "../gql/graphql";
import { useNumbers } from "../i18n/numbers";
import { useNow } from "../ui/clock";
import { Output } from "../ui/Output";
import { Button, css as parts } from "../ui/parts";
import css from "./deployment.module.css";
import type { Followed } from "./follow";
import { RawOutput } from "./RawOutput";
import { remainingNow } from "./remaining";
import { useDeploymentText } from "./texts";

/** A step that says nothing for so long waits for something: a slow network, a source that is down. */
const QUIET_MS = 30_000;

export function Progress({ followed }: { followed: Followed & { deployment: DeploymentNowFragment } }) {
  const text = useDeploymentText();
  const { deployment, log, activeAt } = followed;
  const { run, busy, refused } = useCommands();
  const { progress, name, instanceId, kind } = deployment;
  const open = deployment.endedAt === null;
  const gone = deployment.status === "CANCELLED" && (kind === "DEPLOY" || kind === "CLONE");
  return (
    <div className={css.progress}>
      {open && (
        <>
          <div className={css.bar}>
            <progress value={progress} max={100} aria-label={text("progress.label")} />
            <strong>{progress} %</strong>
          </div>
          <div className={css.now} role="status">
            <span>{deployment.message}</span>
            {activeAt !== undefined && <Remaining deployment={deployment} activeAt={activeAt} />}
          </div>
        </>
      )}
      <Steps deployment={deployment} />
      {open && activeAt !== undefined && <Quiet deployment={deployment} activeAt={activeAt} />}
      <div className={css.log}>
        <h3>{text("progress.log")}</h3>
        <Output live label={text("progress.log")} text={log.join("\n") || text("progress.noLog")} />
      </div>
      {!gone && <RawOutput instanceId={instanceId} />}
      {open && (
        <div className={parts.row}>
          <Button
            kind="danger"
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void run(name, CancelDeploymentDocument, { id: instanceId })}
          >
            {text(kind === "UPGRADE" ? "progress.cancelUpgrade" : "progress.cancel")}
          </Button>
          <span className={parts.dim}>{text("progress.leave")}</span>
        </div>
      )}
    </div>
  );
}

function Remaining({ deployment, activeAt }: { deployment: DeploymentNowFragment; activeAt: number }) {
  const text = useDeploymentText();
  const numbers = useNumbers();
  const passed = (useNow() - activeAt) / 1000;
  if (!deployment.remaining) return null;
  const left = remainingNow(deployment.remaining, passed);
  if (!left) return <span className={parts.dim}>{text("progress.longer")}</span>;
  const most = numbers.duration(left.mostS);
  return (
    <span className={parts.dim}>
      {left.leastS === 0
        ? text("progress.atMost", { most })
        : text("progress.between", { least: numbers.duration(left.leastS), most })}
    </span>
  );
}

function Steps({ deployment }: { deployment: DeploymentNowFragment }) {
  const text = useDeploymentText();
  const numbers = useNumbers();
  const { steps, step: present, services, status } = deployment;
  const stateOf = (step: DeploymentStep, progress: number) => {
    if (progress === 100) return "done";
    if (step !== present) return "waiting";
    return status === "FAILED" ? "failed" : status === "CANCELLED" ? "waiting" : "running";
  };
  return (
    <ol className={css.steps} aria-label={text("progress.steps")}>
      {steps.map(({ step, progress, seconds }) => {
        const state = stateOf(step, progress);
        return (
          <li key={step} data-state={state} aria-current={state === "running" ? "step" : undefined}>
            <span className={css.sign} aria-hidden="true" />
            <span>{text(`step.${step}`)}</span>
            <span className={parts.dim}>
              {state === "done" && seconds !== null && seconds >= 1 && numbers.duration(seconds)}
              {state === "running" && progress > 0 && `${progress} %`}
              <span className={parts.visuallyHidden}>{text(`stepState.${state}`)}</span>
            </span>
            {step === "SERVICES" && services.length > 0 && state !== "waiting" && (
              <ul className={css.services}>
                {services.map(({ name, message }) => (
                  <li key={name}>
                    {name}: {message}
                  </li>
                ))}
              </ul>
            )}
          </li>
        );
      })}
    </ol>
  );
}

/** What kind of trouble it may be if nothing was heard for a while. */
function Quiet({ deployment, activeAt }: { deployment: DeploymentNowFragment; activeAt: number }) {
  const text = useDeploymentText();
  const numbers = useNumbers();
  const silent = useNow() - activeAt;
  const { step, status } = deployment;
  if (silent < QUIET_MS || status !== "INSTALLING" || !step) return null;
  return (
    <div className={css.quiet} role="alert">
      <strong>{text("quiet.title", { duration: numbers.duration(silent / 1000) })}</strong>
      <span>{text(`quiet.${step}`)}</span>
    </div>
  );
}
