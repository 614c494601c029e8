import { memo } from "react";
import { Link } from "wouter";
import { useCommands } from "../../app/useCommand";
import { RestartDocument, StartDocument, StopDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { conditionOf, isUp } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { usage } from "../../live/usage";
import { useNow } from "../../ui/clock";
import { Badge, Button, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { LastHour } from "./LastHour";
import css from "./overview.module.css";

export const InstanceTableRow = memo(function InstanceTableRow({
  instance,
  chosen,
  choose,
}: {
  instance: Instance;
  chosen: boolean;
  choose: (id: string, on: boolean) => void;
}) {
  const text = useText();
  const numbers = useNumbers();
  const session = mainSession(instance);
  const used = useStore(usage).get(session) ?? instance.usage;
  return (
    <tr>
      <td>
        <input
          type="checkbox"
          aria-label={text("list.select", { name: instance.name })}
          checked={chosen}
          onChange={(event) => choose(instance.id, event.target.checked)}
        />
      </td>
      <td>
        <Link href={`/instances/${instance.id}`} className={css.name}>
          {instance.name}
        </Link>
        {instance.tags.length > 0 && <div className={parts.dim}>{instance.tags.join(" · ")}</div>}
      </td>
      <td className={css.line}>
        <Badge condition={conditionOf(instance)} />
      </td>
      <td className={css.line}>
        <div className={css.services}>
          {instance.services.map((service) => (
            <span
              key={service.name}
              className={`${parts.badge} ${parts[conditionOf(service).tone]}`}
              title={text(conditionOf(service).label)}
            >
              {service.name}
              <span className={parts.visuallyHidden}>{text(conditionOf(service).label)}</span>
            </span>
          ))}
        </div>
      </td>
      <td className={css.wide}>{isUp(instance) && used ? numbers.percent(used.cpuPercent) : ""}</td>
      <td className={css.wide}>{isUp(instance) && used ? numbers.bytes(used.memory) : ""}</td>
      <td className={css.wide}>
        <LastHour session={session} />
      </td>
      <td className={css.wide}>{instance.startedAt && <Uptime since={instance.startedAt} />}</td>
      <td className={css.wide}>{instance.version}</td>
      <td className={css.wide}>{instance.port}</td>
      <td className={css.line}>
        <Actions instance={instance} />
      </td>
    </tr>
  );
});

function Actions({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const blocked = busy || refused !== undefined || ["STOPPING", "INSTALLING"].includes(instance.status);
  const { id, name } = instance;
  return (
    <div className={parts.row}>
      {isUp(instance) ? (
        <>
          <Button
            small
            disabled={blocked}
            title={refused}
            aria-label={`${text("do.restart")} ${name}`}
            onClick={() => void run(name, RestartDocument, { id })}
          >
            {text("do.restart")}
          </Button>
          <Button
            small
            disabled={blocked}
            title={refused}
            aria-label={`${text("do.stop")} ${name}`}
            onClick={() => void run(name, StopDocument, { id })}
          >
            {text("do.stop")}
          </Button>
        </>
      ) : (
        <Button
          small
          disabled={blocked}
          title={refused}
          aria-label={`${text("do.start")} ${name}`}
          onClick={() => void run(name, StartDocument, { id })}
        >
          {text("do.start")}
        </Button>
      )}
    </div>
  );
}

function Uptime({ since }: { since: string }) {
  const numbers = useNumbers();
  return numbers.duration((useNow() - Date.parse(since)) / 1000);
}

function mainSession(instance: Instance): string {
  return instance.terminals.find((terminal) => terminal.name === "main")?.sessionId ?? `${instance.id}_main`;
}
