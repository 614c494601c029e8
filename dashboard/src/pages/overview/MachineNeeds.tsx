/** What of the machine is nearly used up, and whether the database is away. */
import type { ReactNode } from "react";
import type { DatabaseNowFragment, MachineNowFragment } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { type Key, useText } from "../../i18n/text";
import { instances } from "../../live/instances";
import { usage } from "../../live/usage";
import { useStore } from "../../ui/store";
import css from "./overview.module.css";

const FULL_PERCENT = 90;
/** How many of the largest programs are named. */
const NAMED = 3;

/** Whether the disk or the memory is nearly full. */
export function isShort(machine: MachineNowFragment | undefined): boolean {
  return machine !== undefined && (isFull(machine.disk) || isFull(machine.memory));
}

function isFull({ usagePercent }: { usagePercent: number }): boolean {
  return usagePercent >= FULL_PERCENT;
}

export function MachineNeeds({ machine: { disk, memory } }: { machine: MachineNowFragment }) {
  const text = useText();
  const numbers = useNumbers();
  return (
    <>
      {isFull(disk) && (
        <Short name="machine.disk">
          {text("needs.disk", { free: numbers.bytes(disk.free), total: numbers.bytes(disk.total) })}
        </Short>
      )}
      {isFull(memory) && (
        <Short name="machine.memory">
          {text("needs.memory", { used: numbers.bytes(memory.used), total: numbers.bytes(memory.total) })}
          <Largest />
        </Short>
      )}
    </>
  );
}

export function isAway(database: DatabaseNowFragment | undefined): boolean {
  return database?.version === null;
}

export function DatabaseAway({ database: { system, place } }: { database: DatabaseNowFragment }) {
  const text = useText();
  return <Short name="machine.database">{text("needs.database", { system, place })}</Short>;
}

function Short({ name, children }: { name: Key; children: ReactNode }) {
  const text = useText();
  return (
    <div className={css.need}>
      <strong>{text(name)}</strong>
      <span>{children}</span>
    </div>
  );
}

/** The bots that use most of the memory. */
function Largest() {
  const text = useText();
  const numbers = useNumbers();
  const used = useStore(usage);
  const sizes = [...useStore(instances).byId.values()].map(({ name, terminals }) => ({
    name,
    memory: terminals.reduce((sum, { sessionId }) => sum + (used.get(sessionId)?.memory ?? 0), 0),
  }));
  const largest = sizes
    .filter(({ memory }) => memory > 0)
    .sort((one, other) => other.memory - one.memory)
    .slice(0, NAMED)
    .map(({ name, memory }) => `${name} (${numbers.bytes(memory)})`);
  if (largest.length === 0) return null;
  return ` · ${text("needs.memoryMost", { names: largest.join(", ") })}`;
}
