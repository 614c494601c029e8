/** Everything that waits for a person, with the reason and the way on; one calm line if there is nothing. */
import { memo, useState } from "react";
import type { Operation } from "../../api/operation";
import { acceptTerms } from "../../app/acceptTerms";
import { useCommands } from "../../app/useCommand";
import { RestartDocument, StartDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { conditionOf, isUninstalled, isUp, needsSomebody } from "../../live/condition";
import { database } from "../../live/database";
import type { Instance } from "../../live/instances";
import { machine } from "../../live/machine";
import { Button, css as parts } from "../../ui/parts";
import { RetryDeployment } from "../../ui/RetryDeployment";
import { useStore } from "../../ui/store";
import { DatabaseAway, isAway, isShort, MachineNeeds } from "./MachineNeeds";
import { NeedCard } from "./NeedCard";
import css from "./overview.module.css";
import { StuckDeployment } from "./StuckDeployment";

/** So many at first: each change of one would otherwise go through a thousand that failed at once. */
const SHOWN = 20;
const RESTART: Operation<unknown, { id: string }> = RestartDocument;
const START: Operation<unknown, { id: string }> = StartDocument;

export function NeedsYou({ all }: { all: readonly Instance[] }) {
  const text = useText();
  const now = useStore(machine);
  const found = all.filter(needsSomebody);
  const stored = useStore(database).now;
  const calm = found.length === 0 && !isShort(now) && !isAway(stored);
  const [every, setEvery] = useState(false);
  return (
    <section aria-label={text("needs.title")} className={css.needs}>
      <h2>{text("needs.title")}</h2>
      {calm && <p className={css.calm}>{text("needs.none")}</p>}
      {stored && isAway(stored) && <DatabaseAway database={stored} />}
      {now && <MachineNeeds machine={now} />}
      {found.slice(0, every ? undefined : SHOWN).map((instance) => (
        <Need key={instance.id} instance={instance} />
      ))}
      {found.length > SHOWN && !every && (
        <div className={parts.row}>
          <Button onClick={() => setEvery(true)}>{text("needs.all", { count: found.length })}</Button>
        </div>
      )}
      {all.filter(isDeploying).map((instance) => (
        <StuckDeployment key={instance.id} instance={instance} />
      ))}
    </section>
  );
}

function isDeploying({ deployment }: Instance): boolean {
  return deployment?.status === "INSTALLING";
}

const Need = memo(function Need({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const services = instance.services.filter((service) => ["bad", "ask"].includes(conditionOf(service).tone));
  const own = conditionOf(instance);
  const troubled = ["bad", "ask"].includes(own.tone) ? instance : services[0];
  const deployment = instance.deployment?.status === "FAILED" ? instance.deployment : undefined;
  const condition = troubled
    ? conditionOf(troubled)
    : ({ tone: "bad", label: "state.deploymentFailed" } as const);
  const why = [
    troubled?.question,
    troubled?.failure?.reason ?? troubled?.reason,
    troubled?.failure?.hint,
    deployment?.failure?.message,
  ].filter(Boolean);
  const { id, name } = instance;
  const again = isUp(instance) ? RESTART : START;
  return (
    <NeedCard
      instance={instance}
      condition={condition}
      why={
        <>
          {troubled && troubled !== instance && `${text("needs.service", { name: troubled.name })}: `}
          {why.join(" · ")}
        </>
      }
    >
      {instance.waitingFor === "TERMS" && (
        <Button
          small
          disabled={busy || refused !== undefined}
          title={refused}
          onClick={() => void acceptTerms(run, instance)}
        >
          {text("do.acceptTerms")}
        </Button>
      )}
      {deployment && <RetryDeployment instance={instance} />}
      {own.tone === "bad" && !isUninstalled(instance) && (
        <Button
          small
          disabled={busy || refused !== undefined}
          title={refused}
          onClick={() => void run(name, again, { id })}
        >
          {text(isUp(instance) ? "do.restart" : "do.start")}
        </Button>
      )}
    </NeedCard>
  );
});
