/** The difference that saving would make, and the button that makes it. */
import { useState } from "react";
import { ApiError, UnknownOutcome } from "../../../api/errors";
import { useQuery } from "../../../api/useQuery";
import { tell } from "../../../app/toasts";
import { useCommands } from "../../../app/useCommand";
import { ConfigDiffDocument } from "../../../gql/graphql";
import { useText } from "../../../i18n/text";
import { Dialog } from "../../../ui/Dialog";
import { Button, css as parts, Skeleton, Unread } from "../../../ui/parts";
import css from "./configuration.module.css";
import { DiffText } from "./DiffText";
import type { OpenFile } from "./file";
import { save } from "./saving";
import { useConfigText } from "./texts";

export function Review({
  file,
  path,
  effect,
  close,
  conflict,
}: {
  file: OpenFile;
  path: string;
  /** When it takes effect, in words. */
  effect: string;
  close: () => void;
  /** The file is another one by now. */
  conflict: () => void;
}) {
  const text = useConfigText();
  const common = useText();
  const { instanceId: id, name } = file;
  const [saving] = useState(() => file.work.get().text);
  const { data, error, again } = useQuery(ConfigDiffDocument, { id, name, text: saving });
  const { busy, refused, during } = useCommands();
  const [failure, setFailure] = useState<string>();
  const diff = data?.configDraft?.diff;
  const write = async () => {
    try {
      await during(save(file));
      close();
    } catch (error) {
      if (error instanceof UnknownOutcome) tell(common("do.unknown", { name: path }), true);
      else if (error instanceof ApiError && error.code === "CONFLICT") conflict();
      else return setFailure((error as Error).message);
      close();
    }
  };
  const leave = () => {
    if (!busy) close(); // or nobody would see why it was not saved
  };
  return (
    <Dialog label={text("config.reviewTitle", { path })} close={leave} className={css.wide}>
      <div className={css.dialog}>
        <h2>{text("config.reviewTitle", { path })}</h2>
        {error && <Unread error={error} again={again} />}
        {diff == null && !error && <Skeleton label={text("config.reviewing")} lines={6} />}
        {diff != null && <DiffText diff={diff} />}
        <p>{effect}</p>
        {failure && (
          <p className={css.wrong} role="alert">
            {failure}
          </p>
        )}
        <div className={parts.row}>
          <Button
            kind="primary"
            disabled={busy || refused !== undefined || diff == null}
            title={refused}
            onClick={() => void write()}
          >
            {text("config.save")}
          </Button>
          <Button disabled={busy} onClick={leave}>
            {common("do.cancel")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
