/** After a file was saved: taking that back for half a minute, and the restart that it may need. */
import { useCommands } from "../../../app/useCommand";
import { RestartDocument, RestartServiceDocument } from "../../../gql/graphql";
import { useText } from "../../../i18n/text";
import { useNow } from "../../../ui/clock";
import { Button } from "../../../ui/parts";
import { useStore } from "../../../ui/store";
import css from "./configuration.module.css";
import type { OpenFile } from "./file";
import { dismiss, type Saved, saved, undo } from "./saving";
import { useConfigText } from "./texts";

export function SavedBar({
  file,
  path,
  component,
  program,
}: {
  file: OpenFile;
  path: string;
  component: string;
  program: string;
}) {
  const last = useStore(saved).get(file);
  return last ? <Bar file={file} path={path} component={component} program={program} last={last} /> : null;
}

function Bar({
  file,
  path,
  component,
  program,
  last,
}: {
  file: OpenFile;
  path: string;
  component: string;
  program: string;
  last: Saved;
}) {
  const text = useConfigText();
  const common = useText();
  const { run, busy, refused, attempt } = useCommands();
  const seconds = Math.ceil((last.until - useNow()) / 1000);
  const undoable = seconds > 0 && last.former !== undefined;
  if (!undoable && !last.restartNeeded) return null;
  const id = file.instanceId;
  const restart = async () => {
    const done =
      component === "main"
        ? run(program, RestartDocument, { id })
        : run(program, RestartServiceDocument, { id, name: component });
    if (await done) dismiss(file);
  };
  return (
    <div className={css.saved}>
      <span role="status">{text("config.saved", { path })}</span>
      {undoable && (
        <Button
          small
          disabled={busy || refused !== undefined}
          title={refused}
          onClick={() => void attempt(text("config.undone", { path }), undo(file, last))}
        >
          {text("config.undo", { seconds })}
        </Button>
      )}
      {last.restartNeeded && (
        <Button small disabled={busy || refused !== undefined} title={refused} onClick={() => void restart()}>
          {text("config.restartNow", { name: program })}
        </Button>
      )}
      <Button small onClick={() => dismiss(file)}>
        {common("do.close")}
      </Button>
    </div>
  );
}
