/** One command for all chosen instances, with one result each. */
import { useState } from "react";
import { command } from "../../api/connection";
import { UnknownOutcome } from "../../api/errors";
import type { Operation } from "../../api/operation";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import {
  BackUpManyDocument,
  type OutcomeFragment,
  RestartManyDocument,
  StartManyDocument,
  StopManyDocument,
  UpgradeManyDocument,
} from "../../gql/graphql";
import { type Key, useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts } from "../../ui/parts";
import css from "./overview.module.css";

const AT_ONCE = 100;

type Many = Operation<Record<string, { results: OutcomeFragment[] } | null>, { ids: string[] }>;

const COMMANDS: readonly { label: Key; operation: Many }[] = [
  { label: "do.start", operation: StartManyDocument as Many },
  { label: "do.restart", operation: RestartManyDocument as Many },
  { label: "do.stop", operation: StopManyDocument as Many },
  { label: "do.backUp", operation: BackUpManyDocument as Many },
];

const UPGRADE = UpgradeManyDocument as Many;

export function BulkCommands({ picked, clear }: { picked: readonly Instance[]; clear: () => void }) {
  const text = useText();
  const { during, busy, refused } = useCommands();
  const [upgrading, setUpgrading] = useState(false);
  const names = new Map(picked.map(({ id, name }) => [id, name]));
  const carryOut = async (operation: Many) => {
    const ids = [...names.keys()];
    for (let first = 0; first < ids.length; first += AT_ONCE) {
      const some = ids.slice(first, first + AT_ONCE);
      try {
        const answer = await command(operation, { ids: some });
        const results = Object.values(answer).flatMap((payload) => payload?.results ?? []);
        for (const { instanceId, message, error } of results) {
          tell(text("do.result", { name: names.get(instanceId) ?? instanceId, message }), error !== null);
        }
      } catch (error) {
        const name = text("list.selected", { count: some.length });
        const unknown = error instanceof UnknownOutcome;
        tell(text(unknown ? "do.unknown" : "do.result", { name, message: (error as Error).message }), true);
      }
    }
  };
  return (
    <div className={css.bulk}>
      <span>{text("list.selected", { count: picked.length })}</span>
      {COMMANDS.map(({ label, operation }) => (
        <Button
          key={label}
          small
          disabled={busy || refused !== undefined}
          title={refused}
          onClick={() => void during(carryOut(operation))}
        >
          {text(label)}
        </Button>
      ))}
      <Button
        small
        disabled={busy || refused !== undefined}
        title={refused}
        onClick={() => setUpgrading(true)}
      >
        {text("do.upgrade")}
      </Button>
      <Button small onClick={clear}>
        {text("list.unselect")}
      </Button>
      {upgrading && (
        <Upgrading
          count={picked.length}
          close={() => setUpgrading(false)}
          upgrade={() => {
            setUpgrading(false);
            void during(carryOut(UPGRADE));
          }}
        />
      )}
    </div>
  );
}

/** Says what an upgrade does before it begins. */
function Upgrading({ count, close, upgrade }: { count: number; close: () => void; upgrade: () => void }) {
  const text = useText();
  const title = text("list.upgrade", { count });
  return (
    <Dialog label={title} close={close}>
      <div className={css.choice}>
        <h2>{title}</h2>
        <p>{text("list.upgradeText")}</p>
        <div className={parts.row}>
          <Button kind="primary" onClick={upgrade}>
            {text("do.upgrade")}
          </Button>
          <Button onClick={close}>{text("do.cancel")}</Button>
        </div>
      </div>
    </Dialog>
  );
}
