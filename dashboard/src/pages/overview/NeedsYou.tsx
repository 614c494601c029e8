/** Everything that waits for a person, with the reason and the way on; one calm line if there is nothing. */
import { Link } from "wouter";
import type { Operation } from "../../api/operation";
import { useCommands } from "../../app/useCommand";
import { AcceptTermsDocument, RestartDocument, StartDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { conditionOf, isUp, needsSomebody } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { machine } from "../../live/machine";
import { Badge, Button, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./overview.module.css";

const FULL_PERCENT = 90;
const RESTART: Operation<unknown, { id: string }> = RestartDocument;
const START: Operation<unknown, { id: string }> = StartDocument;

export function NeedsYou({ all }: { all: readonly Instance[] }) {
  const text = useText();
  const numbers = useNumbers();
  const disk = useStore(machine)?.disk;
  const full = disk && disk.usagePercent >= FULL_PERCENT ? disk : undefined;
  const found = all.filter(needsSomebody);
  return (
    <section aria-label={text("needs.title")} className={css.needs}>
      <h2>{text("needs.title")}</h2>
      {found.length === 0 && !full && <p className={css.calm}>{text("needs.none")}</p>}
      {full && (
        <div className={css.need}>
          <strong>{text("machine.disk")}</strong>
          <span>
            {text("needs.disk", { free: numbers.bytes(full.free), total: numbers.bytes(full.total) })}
          </span>
        </div>
      )}
      {found.map((instance) => (
        <Need key={instance.id} instance={instance} />
      ))}
    </section>
  );
}

function Need({ instance }: { instance: Instance }) {
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
  return (
    <div className={css.need} data-tone={condition.tone}>
      <div className={parts.row}>
        <Link href={`/instances/${instance.id}`} className={css.name}>
          {instance.name}
        </Link>
        <Badge condition={condition} />
      </div>
      <div className={css.why}>
        {troubled && troubled !== instance && `${text("needs.service", { name: troubled.name })}: `}
        {why.join(" · ")}
      </div>
      <div className={parts.row}>
        {instance.waitingFor === "TERMS" && (
          <Button
            small
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void run(instance.name, AcceptTermsDocument, { id: instance.id })}
          >
            {text("do.acceptTerms")}
          </Button>
        )}
        {own.tone === "bad" && (
          <Button
            small
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void run(instance.name, isUp(instance) ? RESTART : START, { id: instance.id })}
          >
            {text(isUp(instance) ? "do.restart" : "do.start")}
          </Button>
        )}
        <Link href={`/instances/${instance.id}`} className={`${parts.button} ${parts.small}`}>
          {text(condition.tone === "ask" ? "do.terminal" : "needs.open")}
        </Link>
      </div>
    </div>
  );
}
