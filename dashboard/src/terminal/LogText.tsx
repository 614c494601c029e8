/** The text of a log around a line or a moment, or at its end. */
import { useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { Link, useSearchParams } from "wouter";
import { useText } from "../i18n/text";
import { Button, css as parts, Skeleton, Unread } from "../ui/parts";
import { Downloads } from "./Downloads";
import { type Beginning, createLogReader } from "./logReader";
import { plain } from "./plain";
import css from "./terminal.module.css";

export function LogText({ sessionId, from }: { sessionId: string; from: Beginning | undefined }) {
  const text = useText();
  const [reader] = useState(() => createLogReader(sessionId, from));
  const log = useSyncExternalStore(reader.subscribe, reader.get);
  const box = useRef<HTMLDivElement>(null);
  const fromEnd = useRef<number>(undefined);
  // What stood before the eyes stays there when older output comes in above it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each change of what is shown
  useLayoutEffect(() => {
    const { current } = box;
    if (!current) return;
    if (fromEnd.current !== undefined) current.scrollTop = current.scrollHeight - fromEnd.current;
    else if (from === undefined) current.scrollTop = current.scrollHeight;
    else current.querySelector("mark")?.scrollIntoView({ block: "center" });
  }, [log.before]);
  const older = () => {
    if (box.current) fromEnd.current = box.current.scrollHeight - box.current.scrollTop;
    reader.older();
  };
  return (
    <>
      {log.error && <Unread error={log.error} again={reader.begin} />}
      {!log.before && !log.error && <Skeleton label={text("log.title")} lines={8} />}
      {log.before && (
        <>
          <div className={parts.row}>
            {log.oldest ? (
              <span className={parts.dim}>
                {text(log.before.length > 1 || from !== undefined ? "log.oldest" : "log.none")}
              </span>
            ) : (
              <Button small onClick={older}>
                {text("log.older")}
              </Button>
            )}
            {from === undefined ? (
              <Button small onClick={reader.begin}>
                {text("log.newest")}
              </Button>
            ) : (
              <ToNewest />
            )}
            <Downloads sessionId={sessionId} />
          </div>
          <div ref={box} className={css.log} role="log" aria-label={text("log.title")}>
            {plain(log.before.map(({ data }) => data).join(""))}
            {from !== undefined && <FromLine text={plain(log.after.map(({ data }) => data).join(""))} />}
          </div>
          {!log.newest && (
            <div className={parts.row}>
              <Button small onClick={reader.newer}>
                {text("log.newer")}
              </Button>
            </div>
          )}
        </>
      )}
    </>
  );
}

/** The text from the line on that was looked for. */
function FromLine({ text }: { text: string }) {
  const end = text.indexOf("\n");
  const line = end < 0 ? text : text.slice(0, end);
  return (
    <>
      <mark>{line}</mark>
      {text.slice(line.length)}
    </>
  );
}

function ToNewest() {
  const text = useText();
  const [parameters] = useSearchParams();
  const others = new URLSearchParams(parameters);
  others.delete("at");
  others.delete("time");
  return (
    <Link href={`?${others}`} className={`${parts.button} ${parts.small}`}>
      {text("log.newest")}
    </Link>
  );
}
