/** What is unsaved and when it would take effect, and the way to save it, after a look at the difference. */
import { useEffect, useState } from "react";
import { useCommands } from "../../../app/useCommand";
import { Dialog } from "../../../ui/Dialog";
import { Button, css as parts } from "../../../ui/parts";
import { useStore } from "../../../ui/store";
import css from "./configuration.module.css";
import type { OpenFile } from "./file";
import { useConfigText } from "./texts";
import { useBase, useChanged, useChecked, useKept, useSettled } from "./useFile";

/** Names of changed values that are shown. */
const NAMES = 4;

export function SaveBar({
  file,
  path,
  effect,
  conflict,
  review,
  goToLine,
}: {
  file: OpenFile;
  path: string;
  /** When a change of values takes effect, in words. */
  effect: string;
  conflict: boolean;
  review: () => void;
  goToLine: (line: number) => void;
}) {
  const text = useConfigText();
  const base = useBase(file);
  const changed = useChanged(file);
  const settled = useSettled(file);
  const kept = useKept(file);
  const understood = useStore(file.understood);
  const { refused: offline } = useCommands();
  const [asked, setAsked] = useState(false);
  const checked = useChecked(file);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      review();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [review]);
  if (!base) return null;
  const draft = understood?.draft;
  const problem = checked ? draft?.problem : undefined;
  const keys = draft?.changedKeys ?? [];
  const names = keys.slice(0, NAMES).join(", ") + (keys.length > NAMES ? ", …" : "");
  const why = conflict
    ? text("config.saveConflict")
    : problem
      ? text("config.saveBroken")
      : settled
        ? offline
        : (offline ?? text("config.checking"));
  return (
    <div className={css.saveBar} data-changed={changed ? "" : undefined}>
      <div className={css.saveText} role="status">
        {!changed && <span className={parts.dim}>{text("config.unchanged")}</span>}
        {changed && !settled && !problem && <span className={parts.dim}>{text("config.checking")}</span>}
        {changed && settled && !problem && (
          <>
            <strong>
              {keys.length > 0
                ? text("config.changes", { count: keys.length, names })
                : text("config.changedText")}
            </strong>
            {keys.length > 0 && <span>{effect}</span>}
          </>
        )}
        {problem && (
          <span className={css.wrong}>
            {problem.message}{" "}
            {problem.line !== null && (
              <Button small onClick={() => goToLine(problem.line ?? 1)}>
                {text("config.problemAt", { line: problem.line })}
              </Button>
            )}
          </span>
        )}
        {!kept && <span className={css.wrong}>{text("config.notKept")}</span>}
      </div>
      <div className={parts.row}>
        <Button disabled={!changed} onClick={() => setAsked(true)}>
          {text("config.discard")}
        </Button>
        <Button kind="primary" disabled={!changed || why !== undefined} title={why} onClick={review}>
          {text("config.review")}
        </Button>
      </div>
      {asked && (
        <Dialog label={text("config.discardTitle", { path })} close={() => setAsked(false)}>
          <div className={css.dialog}>
            <h2>{text("config.discardTitle", { path })}</h2>
            <p>{text("config.discardText")}</p>
            <div className={parts.row}>
              <Button
                kind="danger"
                onClick={() => {
                  const now = file.latest.get() ?? base;
                  file.take(now, now.text);
                  setAsked(false);
                }}
              >
                {text("config.discard")}
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </div>
  );
}
