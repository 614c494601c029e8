/** The lines that were found, by terminal, the newest first. Each leads to the log around it. */
import { useState } from "react";
import { Link } from "wouter";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { instances } from "../live/instances";
import { terminalOf } from "../live/terminals";
import { Button, css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import { type Filters, parametersOf } from "./filters";
import { HITS_MAX, type Hit, type Search, stop } from "./running";
import css from "./search.module.css";

const SHOWN = 20;
const MORE = 200;

export function Hits({ found, filters, again }: { found: Search; filters: Filters; again: () => void }) {
  const text = useText();
  const { hits, count, state } = found;
  return (
    <>
      <div className={parts.row}>
        <Count found={found} />
        {state === "running" ? (
          <Button small onClick={stop}>
            {text("search.stop")}
          </Button>
        ) : (
          <Button small onClick={again}>
            {text("search.again")}
          </Button>
        )}
      </div>
      {state === "done" && count >= HITS_MAX && <p>{text("search.most")}</p>}
      {[...hits].map(([sessionId, ofTerminal]) => (
        <OfTerminal key={sessionId} sessionId={sessionId} hits={ofTerminal} filters={filters} />
      ))}
    </>
  );
}

function Count({ found: { count, state } }: { found: Search }) {
  const text = useText();
  const numbers = useNumbers();
  const said =
    count || state === "running"
      ? text("log.matches", { count: numbers.count(count) })
      : text("log.noMatches");
  return (
    <p role="status" className={parts.dim}>
      {said}
      {state === "running" && ` · ${text("search.running")}`}
      {state === "stopped" && ` · ${text("search.stopped")}`}
    </p>
  );
}

function OfTerminal({
  sessionId,
  hits,
  filters,
}: {
  sessionId: string;
  hits: readonly Hit[];
  filters: Filters;
}) {
  const text = useText();
  const numbers = useNumbers();
  const [shown, setShown] = useState(SHOWN);
  const { byId } = useStore(instances);
  const { instanceId, terminal, name } = terminalOf(sessionId, byId);
  const address = ({ offset }: Hit) => {
    const parameters = parametersOf(filters, new URLSearchParams({ terminal, at: String(offset) }));
    return `/instances/${instanceId}/log?${parameters}`;
  };
  const title = `${name ?? sessionId} · ${terminal === "main" ? text("bot.main") : terminal}`;
  return (
    <section aria-label={title} className={css.terminal}>
      <h2>
        {title} <span className={parts.dim}>{numbers.count(hits.length)}</span>
      </h2>
      <ol className={css.hits}>
        {hits
          .slice(-shown)
          .reverse()
          .map((hit) => (
            <li key={hit.offset}>
              <Link href={address(hit)}>
                <Marked line={hit.line} filters={filters} />
              </Link>
            </li>
          ))}
      </ol>
      {hits.length > shown && (
        <Button small onClick={() => setShown(shown + MORE)}>
          {text("search.older", { count: numbers.count(hits.length - shown) })}
        </Button>
      )}
    </section>
  );
}

/** The found text stands out; where a regular expression has matched, the browser cannot tell. */
function Marked({ line, filters: { text, regex, caseSensitive } }: { line: string; filters: Filters }) {
  const [lines, wanted] = caseSensitive ? [line, text] : [line.toLowerCase(), text.toLowerCase()];
  const at = regex || lines.length !== line.length ? -1 : lines.indexOf(wanted);
  if (at < 0) return line;
  return (
    <>
      {line.slice(0, at)}
      <mark>{line.slice(at, at + text.length)}</mark>
      {line.slice(at + text.length)}
    </>
  );
}
