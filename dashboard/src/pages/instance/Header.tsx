import { useCommands } from "../../app/useCommand";
import { KillDocument, RestartDocument, StartDocument, StopDocument } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { isUninstalled, isUp } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { useNow } from "../../ui/clock";
import { Button, css as parts } from "../../ui/parts";
import { StateBadge } from "../../ui/StateBadge";
import css from "./instance.module.css";

export function Header({ instance }: { instance: Instance }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const { id, name } = instance;
  const up = isUp(instance);
  const blocked =
    busy ||
    refused !== undefined ||
    ["STOPPING", "INSTALLING"].includes(instance.status) ||
    isUninstalled(instance);
  return (
    <>
      <div className={css.head}>
        <div className={css.title}>
          <h1>{name}</h1>
          <StateBadge instance={instance} />
          {instance.startedAt && <Since at={instance.startedAt} />}
        </div>
        <div className={parts.row}>
          {instance.status === "STOPPING" && (
            <Button
              kind="danger"
              disabled={refused !== undefined}
              title={refused}
              onClick={() => void run(name, KillDocument, { id })}
            >
              {text("do.kill")}
            </Button>
          )}
          {!up && (
            <Button
              kind="primary"
              disabled={blocked}
              title={refused}
              onClick={() => void run(name, StartDocument, { id })}
            >
              {text("do.start")}
            </Button>
          )}
          {up && (
            <>
              <Button
                disabled={blocked}
                title={refused}
                onClick={() => void run(name, RestartDocument, { id })}
              >
                {text("do.restart")}
              </Button>
              <Button disabled={blocked} title={refused} onClick={() => void run(name, StopDocument, { id })}>
                {text("do.stop")}
              </Button>
            </>
          )}
        </div>
      </div>
      <div className={css.facts}>
        <span>
          {text("list.version")} {instance.version}
        </span>
        <span>
          {text("bot.path")} <code>{instance.path}</code>
        </span>
        {instance.restarts > 0 && <span>{text("bot.restarts", { count: instance.restarts })}</span>}
        {instance.notes && <span>{instance.notes}</span>}
      </div>
    </>
  );
}

function Since({ at }: { at: string }) {
  const text = useText();
  const numbers = useNumbers();
  return (
    <span className={parts.dim}>
      {text("state.since", { duration: numbers.duration((useNow() - Date.parse(at)) / 1000) })}
    </span>
  );
}
