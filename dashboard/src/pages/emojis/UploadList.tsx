/** What became of each file that was added. */
import { useNumbers } from "../../i18n/numbers";
import { useResourceText } from "../../resources/texts";
import { Button, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./emojis.module.css";
import { useEmojiText } from "./texts";
import { BYTES_MOST, hasEnded, hasFailed, type Outcome, type Uploads } from "./uploads";

const LISTED = 200;

export function UploadList({ uploads }: { uploads: Uploads }) {
  const text = useEmojiText();
  const shared = useResourceText();
  const numbers = useNumbers();
  const all = useStore(uploads.all);
  const failed = all.filter(hasFailed);
  const done = all.filter(hasEnded).length;
  const working = done < all.length;
  if (all.length === 0) return null;
  const counts = {
    done: numbers.count(done),
    all: numbers.count(all.length),
    failed: numbers.count(failed.length),
  };
  // Those that need somebody first, then what is under way.
  const rest = all.filter((upload) => !hasFailed(upload));
  const first = [...failed, ...rest.filter((one) => !hasEnded(one)), ...rest.filter(hasEnded)];
  return (
    <section aria-label={text("upload.title")} className={css.uploads}>
      <div className={parts.row}>
        <progress max={all.length} value={done} aria-label={text("upload.title")} />
        <span role="status">{text("upload.counts", counts)}</span>
        {working && (
          <Button small onClick={uploads.cancel}>
            {text("upload.cancel")}
          </Button>
        )}
        {!working && failed.length > 0 && (
          <Button small onClick={uploads.again}>
            {text("upload.again")}
          </Button>
        )}
        {done > 0 && (
          <Button small onClick={uploads.clear}>
            {text("upload.clear")}
          </Button>
        )}
      </div>
      <ul className={css.files}>
        {first.slice(0, LISTED).map((upload) => (
          <li key={upload.id} data-bad={hasFailed(upload) ? "" : undefined}>
            <span className={css.file} title={upload.file.name}>
              {upload.file.name}
            </span>
            <Said outcome={upload.outcome} size={upload.file.size} />
          </li>
        ))}
        {first.length > LISTED && (
          <li>{shared("sync.more", { count: numbers.count(first.length - LISTED) })}</li>
        )}
      </ul>
    </section>
  );
}

function Said({ outcome, size }: { outcome: Outcome; size: number }) {
  const text = useEmojiText();
  const numbers = useNumbers();
  switch (outcome.is) {
    case "sending":
      return <span>{text("upload.sending", { percent: numbers.percent(100 * outcome.share) })}</span>;
    case "tooLarge":
      return (
        <span>{text("upload.tooLarge", { size: numbers.bytes(size), most: numbers.bytes(BYTES_MOST) })}</span>
      );
    default:
      return <span>{text(`upload.${outcome.is}`, { ...outcome })}</span>;
  }
}
