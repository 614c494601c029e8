/** Why a bot does not work, or what it asks, with its last lines: nothing while all is well. */
import { acceptTerms } from "../../app/acceptTerms";
import { useCommands } from "../../app/useCommand";
import type { FailureDetailsFragment } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { conditionOf } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { Button, css as parts } from "../../ui/parts";
import css from "./instance.module.css";

type Program = Pick<Instance, "failure" | "question" | "reason" | "status" | "ready" | "waitingFor">;

export function Trouble({ instance }: { instance: Instance }) {
  return (
    <>
      <ProgramTrouble instance={instance} program={instance} name="" />
      {instance.services.map((service) => (
        <ProgramTrouble key={service.name} instance={instance} program={service} name={service.name} />
      ))}
      {instance.deployment?.status === "FAILED" && instance.deployment.failure && (
        <div className={`${parts.card} ${css.trouble}`}>
          <p>{instance.deployment.failure.message}</p>
          <pre className={parts.output}>{instance.deployment.failure.lastLines.join("\n")}</pre>
        </div>
      )}
    </>
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
