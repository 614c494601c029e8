/** What is being uploaded to a bot, how far it is, and what came of it. */
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { Button, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./files.module.css";
import { useFilesText } from "./texts";
import { again, cancel, dismiss, isActive, type Upload, uploads } from "./uploads";

const ROWS_MOST = 50;
/** Those that need somebody come first, and those that have nothing to tell last. */
const RANKS = { refused: 0, interrupted: 0, sending: 1, waiting: 2, cancelled: 3, done: 4 };

export function Uploads({ instanceId }: { instanceId: string }) {
  const text = useFilesText();
  const numbers = useNumbers();
  const own = useStore(uploads).filter((one) => one.instanceId === instanceId);
  if (own.length === 0) return null;
  const shown = [...own].sort((a, b) => RANKS[a.state.is] - RANKS[b.state.is]).slice(0, ROWS_MOST);
  const ended = own.filter((one) => !isActive(one)).length;
  const said = { ended: numbers.count(ended), count: numbers.count(own.length) };
  return (
    <section aria-label={text("files.uploads")} className={css.uploads}>
      {own.length > 1 && (
        <p className={css.overall}>
          <progress value={ended} max={own.length} aria-label={text("files.overall")} />
          <span role="status">{text("files.ended", said)}</span>
        </p>
      )}
      <ul className={css.uploadList}>
        {shown.map((one) => (
          <Row key={one.id} upload={one} />
        ))}
      </ul>
      {own.length > ROWS_MOST && (
        <p className={parts.dim}>
          {text("files.notShown", { count: numbers.count(own.length - ROWS_MOST) })}
        </p>
      )}
      {own.some((one) => !isActive(one)) && (
        <div className={parts.row}>
          <Button small onClick={() => dismiss(instanceId)}>
            {text("files.dismiss")}
          </Button>
        </div>
      )}
    </section>
  );
}

function Row({ upload }: { upload: Upload }) {
  const text = useFilesText();
  const shared = useText();
  const { id, path, name, file, state } = upload;
  return (
    <li className={css.upload}>
      <span title={path}>{path}</span>
      {state.is === "sending" && (
        <progress value={state.sent} max={file.size || 1} aria-label={`${text("files.uploads")} ${name}`} />
      )}
      <span role={state.is === "sending" ? undefined : "status"} className={parts.dim}>
        <Said upload={upload} />
      </span>
      <span className={parts.row}>
        {isActive(upload) && (
          <Button small aria-label={text("files.cancel", { name })} onClick={() => cancel(id)}>
            {shared("do.cancel")}
          </Button>
        )}
        {state.is === "refused" && state.exists && (
          <Button small aria-label={text("files.replaceOf", { name })} onClick={() => again(id, true)}>
            {text("files.replace")}
          </Button>
        )}
        {((state.is === "refused" && !state.exists) ||
          state.is === "interrupted" ||
          state.is === "cancelled") && (
          <Button
            small
            aria-label={text("files.retryOf", { name })}
            onClick={() => again(id, upload.replace)}
          >
            {shared("do.again")}
          </Button>
        )}
      </span>
    </li>
  );
}

function Said({ upload: { state, file } }: { upload: Upload }) {
  const text = useFilesText();
  const numbers = useNumbers();
  switch (state.is) {
    case "sending":
      if (state.sent >= file.size) return text("files.finishing");
      return text("files.sent", { sent: numbers.bytes(state.sent), total: numbers.bytes(file.size) });
    case "refused":
      return state.message;
    default:
      return text(`files.${state.is}`);
  }
}
