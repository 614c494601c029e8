/** One command for all chosen instances, with one result each. */
import { useCommands } from "../../app/useCommand";
import { RestartDocument, StartDocument, StopDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button } from "../../ui/parts";
import css from "./overview.module.css";

export function BulkCommands({ picked, clear }: { picked: readonly Instance[]; clear: () => void }) {
  const text = useText();
  const { run, busy, refused } = useCommands();
  const all = (operation: typeof StartDocument | typeof StopDocument | typeof RestartDocument) => () => {
    for (const { id, name } of picked) void run<unknown, { id: string }>(name, operation, { id });
  };
  const blocked = busy || refused !== undefined;
  return (
    <div className={css.bulk}>
      <span>{text("list.selected", { count: picked.length })}</span>
      <Button small disabled={blocked} title={refused} onClick={all(StartDocument)}>
        {text("do.start")}
      </Button>
      <Button small disabled={blocked} title={refused} onClick={all(RestartDocument)}>
        {text("do.restart")}
      </Button>
      <Button small disabled={blocked} title={refused} onClick={all(StopDocument)}>
        {text("do.stop")}
      </Button>
      <Button small onClick={clear}>
        {text("list.unselect")}
      </Button>
    </div>
  );
}
