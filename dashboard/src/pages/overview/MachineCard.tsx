import type { ReactNode } from "react";
import { useState } from "react";
import { useQuery } from "../../api/useQuery";
import { UsageOfDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { machine } from "../../live/machine";
import { Card, Meter, css as parts, Skeleton } from "../../ui/parts";
import { Sparkline } from "../../ui/Sparkline";
import { useStore } from "../../ui/store";
import css from "./overview.module.css";

const HOUR_MS = 3_600_000;

export function MachineCard() {
  const text = useText();
  const numbers = useNumbers();
  const now = useStore(machine);
  const [begin] = useState(() => new Date(Date.now() - HOUR_MS).toISOString());
  const history = useQuery(UsageOfDocument, { begin }).data?.usageHistory;
  if (!now) {
    return (
      <Card title={text("machine.title")}>
        <Skeleton label={text("machine.title")} lines={4} />
      </Card>
    );
  }
  const { cpu, memory, disk, network } = now;
  return (
    <Card title={text("machine.title")}>
      <div className={css.machine}>
        <Figure
          name={text("machine.cpu")}
          value={numbers.percent(cpu.usage)}
          note={text("machine.cores", { count: cpu.cores })}
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
          value={numbers.percent(memory.usagePercent)}
          note={text("machine.of", { used: numbers.bytes(memory.used), total: numbers.bytes(memory.total) })}
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
          value={numbers.percent(disk.usagePercent)}
          note={text("machine.free", { free: numbers.bytes(disk.free) })}
        >
          <Meter percent={disk.usagePercent} label={text("machine.disk")} />
        </Figure>
        <Figure
          name={text("machine.network")}
          value={`↓ ${numbers.bytes(network.receivedPerSecond)}/s`}
          note={`↑ ${numbers.bytes(network.sentPerSecond)}/s`}
        />
      </div>
    </Card>
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
