import type { ReactNode } from "react";
import { useState } from "react";
import { isDenied } from "../../api/errors";
import { useQuery } from "../../api/useQuery";
import { UsageOfDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { askDatabase, database } from "../../live/database";
import { machine } from "../../live/machine";
import { Card, Meter, css as parts, Unread } from "../../ui/parts";
import { Sparkline } from "../../ui/Sparkline";
import { useStore } from "../../ui/store";
import css from "./overview.module.css";

const HOUR_MS = 3_600_000;
const UNKNOWN = {
  cpu: { usage: 0, cores: 0 },
  memory: { total: 0, used: 0, usagePercent: 0 },
  disk: { total: 0, free: 0, usagePercent: 0 },
  network: { sentPerSecond: 0, receivedPerSecond: 0 },
};

export function MachineCard() {
  const text = useText();
  const numbers = useNumbers();
  const now = useStore(machine);
  const [begin] = useState(() => new Date(Date.now() - HOUR_MS).toISOString());
  const { data, error, again } = useQuery(UsageOfDocument, { begin });
  const history = data?.usageHistory;
  // What is not known yet has the place that it will have, so that nothing jumps.
  const { cpu, memory, disk, network } = now ?? UNKNOWN;
  const shown = (value: string) => (now ? value : "…");
  return (
    <Card title={text("machine.title")}>
      <div className={css.machine}>
        <Figure
          name={text("machine.cpu")}
          value={shown(numbers.percent(cpu.usage))}
          note={shown(text("machine.cores", { count: cpu.cores }))}
        >
          <Meter percent={cpu.usage} label={text("machine.cpu")} />
          <Sparkline
            values={history?.cpu.mean ?? []}
            label={text("list.hour")}
            width={190}
            height={34}
            max={100}
          />
        </Figure>
        <Figure
          name={text("machine.memory")}
          value={shown(numbers.percent(memory.usagePercent))}
          note={shown(
            text("machine.of", { used: numbers.bytes(memory.used), total: numbers.bytes(memory.total) }),
          )}
        >
          <Meter percent={memory.usagePercent} label={text("machine.memory")} />
          <Sparkline
            values={history?.memory.mean ?? []}
            label={text("machine.memory")}
            width={190}
            height={34}
            max={memory.total}
          />
        </Figure>
        <Figure
          name={text("machine.disk")}
          value={shown(numbers.percent(disk.usagePercent))}
          note={shown(text("machine.free", { free: numbers.bytes(disk.free) }))}
        >
          <Meter percent={disk.usagePercent} label={text("machine.disk")} />
        </Figure>
        <Figure
          name={text("machine.network")}
          value={shown(`↓ ${numbers.bytes(network.receivedPerSecond)}/s`)}
          note={shown(`↑ ${numbers.bytes(network.sentPerSecond)}/s`)}
        />
        <DatabaseFigure />
      </div>
      {error && !history && <Unread error={error} again={again} />}
    </Card>
  );
}

function DatabaseFigure() {
  const text = useText();
  const numbers = useNumbers();
  const { now, error } = useStore(database);
  if (isDenied(error)) return null;
  const unread = error && <Unread error={error} again={askDatabase} />;
  if (unread && !now) return unread;
  return (
    <Figure
      name={text("machine.database")}
      value={now ? `${now.system} ${now.version ?? ""}` : "…"}
      note={
        now?.answerMs == null
          ? text(now ? "machine.silent" : "list.loading")
          : text("machine.answers", { time: numbers.milliseconds(now.answerMs) })
      }
    >
      {unread}
    </Figure>
  );
}

function Figure({
  name,
  value,
  note,
  children,
}: {
  name: string;
  value: string;
  note: string;
  children?: ReactNode;
}) {
  return (
    <div className={css.figure}>
      <span className={parts.dim}>{name}</span>
      <strong>{value}</strong>
      <span className={parts.dim}>{note}</span>
      {children}
    </div>
  );
}
