/** The bot and its services one by one, each with what it uses and its own buttons. */
import { useCommands } from "../../app/useCommand";
import { RestartServiceDocument, StartServiceDocument, StopServiceDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { conditionOf, isUp } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { usage } from "../../live/usage";
import { Badge, Button, Card, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./instance.module.css";

type Service = Instance["services"][number];

export function Programs({ instance, plugins }: { instance: Instance; plugins: readonly string[] }) {
  const text = useText();
  const main = instance.terminals.find((terminal) => terminal.name === "main")?.sessionId;
  return (
    <Card title={text("bot.services")}>
      <div className={css.programs}>
        <div className={css.program}>
          <div className={parts.row}>
            <strong>{text("bot.main")}</strong>
            <Badge condition={conditionOf(instance)} />
          </div>
          <Figures program={instance} session={main} />
          <span />
        </div>
        {instance.services.map((service) => (
          <ServiceLine key={service.name} instance={instance} service={service} />
        ))}
        {plugins.map((name) => (
          <div key={name} className={css.program}>
            <strong>{name}</strong>
            <span className={parts.dim}>{text("bot.plugin")}</span>
            <span />
          </div>
        ))}
      </div>
    </Card>
  );
}

function ServiceLine({ instance, service }: { instance: Instance; service: Service }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const up = isUp(service);
  const name = service.name;
  return (
    <div className={css.program}>
      <div className={parts.row}>
        <strong>{name}</strong>
        <Badge condition={conditionOf(service)} />
      </div>
      <Figures program={service} session={service.terminal.sessionId} />
      <div className={parts.row}>
        {up && (
          <Button
            small
            disabled={busy || refused !== undefined}
            title={refused}
            aria-label={`${text("do.restart")} ${name}`}
            onClick={() => void run(name, RestartServiceDocument, { id: instance.id, name })}
          >
            {text("do.restart")}
          </Button>
        )}
        <Button
          small
          disabled={busy || refused !== undefined || service.status === "STOPPING"}
          title={refused}
          aria-label={`${text(up ? "do.stop" : "do.start")} ${name}`}
          onClick={() =>
            void (up
              ? run(name, StopServiceDocument, { id: instance.id, name })
              : run(name, StartServiceDocument, { id: instance.id, name }))
          }
        >
          {text(up ? "do.stop" : "do.start")}
        </Button>
      </div>
    </div>
  );
}

function Figures({ program, session }: { program: Instance | Service; session: string | undefined }) {
  const text = useText();
  const numbers = useNumbers();
  const now = useStore(usage);
  const used = isUp(program) ? ((session && now.get(session)) ?? program.usage) : undefined;
  const figures = [
    `${text("list.port")} ${program.port}`,
    used && `${text("list.cpu")} ${numbers.percent(used.cpuPercent)}`,
    used && `${text("list.memory")} ${numbers.bytes(used.memory)}`,
    program.restarts > 0 && text("bot.restarts", { count: program.restarts }),
  ];
  return <span className={parts.dim}>{figures.filter(Boolean).join(" · ")}</span>;
}
