import { useCommands } from "../../app/useCommand";
import { RetryDeploymentDocument, type ServicesOfQuery } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button, css as parts } from "../../ui/parts";
import css from "./instance.module.css";

type Services = NonNullable<ServicesOfQuery["instance"]>;

/** The services that a deployment could not install, why, and what adds them; nothing while none is missing. */
export function MissingServices({ instance, services }: { instance: Instance; services: Services }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const { missingServices, deployment } = services;
  if (missingServices.length === 0) return null;
  const adding = deployment?.status === "PENDING" || deployment?.status === "INSTALLING";
  const title = text("bot.lacks", { names: missingServices.join(", ") });
  return (
    <section className={`${parts.card} ${css.trouble}`} aria-label={title}>
      <h2>{title}</h2>
      <p>{adding ? text("bot.adding") : (deployment?.failure?.message ?? text("bot.lacksText"))}</p>
      <div className={parts.row}>
        <Button
          kind="primary"
          disabled={busy || adding || refused !== undefined}
          title={refused}
          onClick={() => void run(instance.name, RetryDeploymentDocument, { id: instance.id })}
        >
          {text("do.addServices")}
        </Button>
      </div>
    </section>
  );
}
