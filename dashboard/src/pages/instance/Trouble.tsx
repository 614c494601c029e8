/** Why a bot does not work, or what it asks, with its last lines: nothing while all is well. */
import { Link } from "wouter";
import { acceptTerms } from "../../app/acceptTerms";
import { useCommands } from "../../app/useCommand";
import type { FailureDetailsFragment } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { conditionOf, isUninstalled } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { Button, css as parts } from "../../ui/parts";
import { RetryDeployment } from "../../ui/RetryDeployment";
import css from "./instance.module.css";

type Program = Pick<Instance, "failure" | "question" | "reason" | "status" | "ready" | "waitingFor">;

export function Trouble({ instance }: { instance: Instance }) {
  return (
    <>
      {!isUninstalled(instance) && <ProgramTrouble instance={instance} program={instance} name="" />}
      {instance.services.map((service) => (
        <ProgramTrouble key={service.name} instance={instance} program={service} name={service.name} />
      ))}
      <DeploymentTrouble instance={instance} />
    </>
  );
}

/** A deployment under way or failed, with the page that says all of it. */
function DeploymentTrouble({ instance }: { instance: Instance }) {
  const text = useText();
  const { deployment, id } = instance;
  if (deployment?.status === "FAILED" && deployment.failure)
    return (
      <section className={`${parts.card} ${css.trouble}`} aria-label={text("state.deploymentFailed")}>
        <h2>{text("state.deploymentFailed")}</h2>
        <p>{deployment.failure.message}</p>
        <div className={parts.row}>
          <RetryDeployment instance={instance} />
        </div>
      </section>
    );
  if (deployment?.status !== "INSTALLING" && deployment?.status !== "PENDING") return null;
  return (
    <section className={parts.card} aria-label={text("state.installing")}>
      <div className={parts.row}>
        <span>{text("bot.deploying", { message: deployment.message })}</span>
        <Link href={`/deploy/${id}`}>{text("do.showDeployment")}</Link>
      </div>
    </section>
  );
}

function ProgramTrouble({ instance, program, name }: { instance: Instance; program: Program; name: string }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const { tone, label } = conditionOf(program);
  if (tone !== "bad" && tone !== "ask" && !program.failure) return null;
  const title = name ? `${text("needs.service", { name })}: ${text(label)}` : text(label);
  return (
    <section className={`${parts.card} ${tone === "ask" ? css.ask : css.trouble}`} aria-label={title}>
      <h2>{title}</h2>
      {program.question && (
        <p>
          {text("bot.question")}: <code>{program.question}</code>
        </p>
      )}
      {program.failure ? <Failure failure={program.failure} /> : program.reason && <p>{program.reason}</p>}
      {program.waitingFor === "TERMS" && (
        <div className={parts.row}>
          <Button
            kind="primary"
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void acceptTerms(run, instance)}
          >
            {text("do.acceptTerms")}
          </Button>
        </div>
      )}
    </section>
  );
}

function Failure({ failure }: { failure: FailureDetailsFragment }) {
  const text = useText();
  const numbers = useNumbers();
  const details = [
    numbers.dateTime(failure.at),
    failure.exitCode !== null && text("bot.exit", { code: failure.exitCode }),
    failure.signal && text("bot.signal", { name: failure.signal }),
    failure.restartAt && text("bot.restartAt", { time: numbers.time(failure.restartAt) }),
  ].filter(Boolean);
  return (
    <>
      <p>{failure.reason}</p>
      {failure.hint && (
        <p>
          <strong>{text("bot.hint")}:</strong> {failure.hint}
        </p>
      )}
      <p className={parts.dim}>{details.join(" · ")}</p>
      {failure.lastLines.length > 0 && (
        <details open>
          <summary>{text("bot.lastLines")}</summary>
          <pre className={parts.output}>{failure.lastLines.join("\n")}</pre>
        </details>
      )}
    </>
  );
}
