/** The columns that a reader may hide, each with what it shows of an instance. What was chosen is kept in this browser. */
import type { ReactNode } from "react";
import { useNumbers } from "../../i18n/numbers";
import { type Key, useText } from "../../i18n/text";
import { conditionOf, isUp } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { usage } from "../../live/usage";
import { useNow } from "../../ui/clock";
import { css as parts } from "../../ui/parts";
import { createStore, useStore } from "../../ui/store";
import { LastEvent } from "./LastEvent";
import { LastHour } from "./LastHour";
import css from "./overview.module.css";

const KEPT = "mailauncher.hiddenColumns";

interface Column {
  label: Key;
  /** Whether a narrow screen has room for it. */
  narrow?: boolean;
  show(instance: Instance): ReactNode;
}

export const COLUMNS: readonly Column[] = [
  { label: "list.services", narrow: true, show: (instance) => <Services instance={instance} /> },
  { label: "list.cpu", show: (instance) => <Used instance={instance} what="cpuPercent" /> },
  { label: "list.memory", show: (instance) => <Used instance={instance} what="memory" /> },
  { label: "list.hour", show: (instance) => <LastHour session={mainSession(instance)} /> },
  {
    label: "list.uptime",
    show: ({ startedAt }) => startedAt && <Uptime since={startedAt} />,
  },
  { label: "list.version", show: ({ version }) => (version === "unknown" ? "" : version) },
  { label: "list.port", show: ({ port }) => port },
  { label: "list.event", show: ({ id, name }) => <LastEvent instanceId={id} name={name} /> },
];

function initial(): ReadonlySet<string> {
  return new Set((localStorage.getItem(KEPT) ?? "list.port").split(" "));
}

/** The labels of the columns that are not shown. */
export const hidden = createStore(initial());

export function hide(label: Key, off: boolean): void {
  const next = new Set(hidden.get());
  if (off) next.add(label);
  else next.delete(label);
  localStorage.setItem(KEPT, [...next].join(" "));
  hidden.set(next);
}

function Services({ instance }: { instance: Instance }) {
  const text = useText();
  return (
    <div className={css.services}>
      {instance.services.map((service) => {
        const { tone, label } = conditionOf(service);
        return (
          <span key={service.name} className={`${parts.badge} ${parts[tone]}`} title={text(label)}>
            {service.name}
            <span className={parts.visuallyHidden}>{text(label)}</span>
          </span>
        );
      })}
    </div>
  );
}

function Used({ instance, what }: { instance: Instance; what: "cpuPercent" | "memory" }) {
  const numbers = useNumbers();
  const used = useStore(usage).get(mainSession(instance)) ?? instance.usage;
  if (!isUp(instance) || !used) return "";
  return what === "memory" ? numbers.bytes(used.memory) : numbers.percent(used.cpuPercent);
}

function Uptime({ since }: { since: string }) {
  const numbers = useNumbers();
  return numbers.duration((useNow() - Date.parse(since)) / 1000);
}

function mainSession(instance: Instance): string {
  return instance.terminals.find((terminal) => terminal.name === "main")?.sessionId ?? `${instance.id}_main`;
}
