/** What a terminal has printed, as text that can be read, searched and copied: back to the oldest byte that is kept. */
import { type FormEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { query } from "../api/connection";
import { LogPartDocument, type LogPartQuery, SearchLogDocument, type SearchLogQuery } from "../gql/graphql";
import { useText } from "../i18n/text";
import { Button, css as parts, Skeleton, Unread } from "../ui/parts";
import { plain } from "./plain";
import css from "./terminal.module.css";

const PART_BYTES = 64 << 10;
const BEHIND_MATCH_BYTES = 16 << 10;

type Part = NonNullable<LogPartQuery["terminalLog"]>;
type Found = NonNullable<SearchLogQuery["searchTerminal"]>;

export default function LogView({ sessionId }: { sessionId: string }) {
  const text = useText();
  const [parted, setParts] = useState<readonly Part[]>();
  const [error, setError] = useState<Error>();
  const [marked, setMarked] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const fromEnd = useRef(0);

  const read = (before: number | null, kept: readonly Part[]) => {
    if (box.current) fromEnd.current = box.current.scrollHeight - box.current.scrollTop;
    query(LogPartDocument, { sessionId, before, bytes: PART_BYTES }).then(({ terminalLog }) => {
      setError(undefined);
      setParts(terminalLog ? [terminalLog, ...kept] : kept);
    }, setError);
  };
  const newest = () => {
    fromEnd.current = 0;
    setMarked("");
    read(null, []);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: read once for each terminal
  useEffect(newest, [sessionId]);
  // What stood before the eyes stays there when older output comes in above it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each change of what is shown
  useLayoutEffect(() => {
    if (!box.current) return;
    const mark = box.current.querySelector("mark");
    if (mark) mark.scrollIntoView({ block: "center" });
    else box.current.scrollTop = box.current.scrollHeight - (fromEnd.current || box.current.clientHeight);
  }, [parted]);

  const oldest = parted?.[0];
  return (
    <div className={css.frame}>
      <LogSearch
        sessionId={sessionId}
        open={(offset, line) => {
          setMarked(line);
          read(offset + BEHIND_MATCH_BYTES, []);
        }}
      />
      {error && <Unread error={error} again={newest} />}
      {!parted && !error && <Skeleton label={text("log.title")} lines={8} />}
      {parted && (
        <>
          <div className={parts.row}>
            {oldest && oldest.offset < oldest.end ? (
              <Button small onClick={() => read(oldest.offset, parted)}>
                {text("log.older")}
              </Button>
            ) : (
              <span className={parts.dim}>{text(parted.length > 1 ? "log.oldest" : "log.none")}</span>
            )}
            <Button small onClick={newest}>
              {text("log.newest")}
            </Button>
            <a
              className={`${parts.button} ${parts.small}`}
              href={`/api/v1/terminals/${encodeURIComponent(sessionId)}/log`}
              download
            >
              {text("log.download")}
            </a>
          </div>
          <div ref={box} className={css.log} role="log" aria-label={text("log.title")}>
            <Lines text={plain(parted.map((part) => part.data).join(""))} marked={marked} />
          </div>
        </>
      )}
    </div>
  );
}

function Lines({ text, marked }: { text: string; marked: string }) {
  const at = marked ? text.indexOf(marked) : -1;
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{marked}</mark>
      {text.slice(at + marked.length)}
    </>
  );
}

function LogSearch({ sessionId, open }: { sessionId: string; open: (offset: number, line: string) => void }) {
  const text = useText();
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState<Error>();
  const search = (after: number | null, before: Found["matches"]) =>
    query(SearchLogDocument, { sessionId, text: typed, after }).then(({ searchTerminal }) => {
      setError(undefined);
      if (searchTerminal) setFound({ ...searchTerminal, matches: [...before, ...searchTerminal.matches] });
    }, setError);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typed) void search(null, []);
  };
  return (
    <search>
      <form className={css.search} onSubmit={submit}>
        <input
          type="search"
          aria-label={text("log.search")}
          placeholder={text("log.search")}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            if (!event.target.value) setFound(undefined);
          }}
        />
        <Button type="submit">{text("log.searchSubmit")}</Button>
      </form>
      {error && <p role="alert">{error.message}</p>}
      {found && (
        <p role="status" className={parts.dim}>
          {found.matches.length
            ? text("log.matches", { count: found.matches.length })
            : text("log.noMatches")}
        </p>
      )}
      {found && found.matches.length > 0 && (
        <ul className={css.matches}>
          {found.matches.map(({ offset, line }) => (
            <li key={offset}>
              <button type="button" onClick={() => open(offset, line)}>
                {line}
              </button>
            </li>
          ))}
        </ul>
      )}
      {found?.next != null && found.matches.length > 0 && (
        <Button small onClick={() => void search(found.next, found.matches)}>
          {text("log.more")}
        </Button>
      )}
    </search>
  );
}
