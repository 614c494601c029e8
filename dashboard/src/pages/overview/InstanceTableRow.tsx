import { memo } from "react";
import { Link } from "wouter";
import { useCommands } from "../../app/useCommand";
import { KillDocument, RestartDocument, StartDocument, StopDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { isUp } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { Button, css as parts } from "../../ui/parts";
import { StateBadge } from "../../ui/StateBadge";
import { useStore } from "../../ui/store";
import { COLUMNS, hidden } from "./columns";
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
  const off = useStore(hidden);
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
        <StateBadge instance={instance} />
      </td>
      {COLUMNS.map(
        ({ label, narrow, show }) =>
          !off.has(label) && (
            <td key={label} className={narrow ? css.line : css.wide}>
              {show(instance)}
            </td>
          ),
      )}
      <td className={css.line}>
        <Actions instance={instance} />
      </td>
    </tr>
  );
});

function Actions({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const blocked = busy || refused !== undefined || instance.status === "INSTALLING";
  const { id, name } = instance;
  if (instance.status === "STOPPING")
    return (
      <Button
        small
        kind="danger"
        disabled={refused !== undefined}
        title={refused}
        aria-label={`${text("do.kill")} ${name}`}
        onClick={() => void run(name, KillDocument, { id })}
      >
        {text("do.kill")}
      </Button>
    );
  return (
    <div className={css.actions}>
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
