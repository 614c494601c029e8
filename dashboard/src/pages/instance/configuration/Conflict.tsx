/** The file was changed meanwhile: both changes beside what was there before, in three columns, and a choice for each place. */
import { useState } from "react";
import { useQuery } from "../../../api/useQuery";
import { useCommands } from "../../../app/useCommand";
import { MergeConfigTextDocument, type MergeConfigTextQuery } from "../../../gql/graphql";
import { Button, css as parts, Skeleton, Unread } from "../../../ui/parts";
import { useStore } from "../../../ui/store";
import css from "./configuration.module.css";
import type { OpenFile } from "./file";
import { type Choice, joined, linesIn, type Part, proposed } from "./joining";
import { useConfigText } from "./texts";
import type { Content } from "./work";

type Merge = NonNullable<MergeConfigTextQuery["mergeConfigText"]>;

const SIDES = ["mine", "base", "theirs"] as const;
const TAKE = {
  mine: "config.takeMine",
  base: "config.takeBase",
  theirs: "config.takeTheirs",
  all: "config.takeBoth",
} as const;

export function Conflict({
  file,
  path,
  etag,
  shown,
}: {
  file: OpenFile;
  path: string;
  etag: string;
  /** Whether secrets are shown. */
  shown: boolean;
}) {
  const text = useConfigText();
  const { base, text: mine } = useStore(file.work);
  const { instanceId: id, name } = file;
  const variables = { id, name, base: base?.text ?? "", text: mine };
  const { data, error, again } = useQuery(MergeConfigTextDocument, variables, etag);
  const merge = data?.mergeConfigText;
  return (
    <section className={css.conflict} aria-label={text("config.conflict", { path })}>
      <h3>{text("config.conflict", { path })}</h3>
      {error && <Unread error={error} again={again} />}
      {!merge && !error && <Skeleton label={text("config.reviewing")} lines={4} />}
      {merge && base && (
        <Places key={merge.etag} file={file} merge={merge} base={base} mine={mine} shown={shown} />
      )}
    </section>
  );
}

function Places({
  file,
  merge,
  base,
  mine,
  shown,
}: {
  file: OpenFile;
  merge: Merge;
  base: Content;
  mine: string;
  shown: boolean;
}) {
  const text = useConfigText();
  const { refused } = useCommands();
  const [choices, setChoices] = useState<ReadonlyMap<number, Choice>>(new Map());
  const changed = merge.parts.filter(({ origin }) => origin !== "SAME");
  const left = changed.filter((part, at) => (choices.get(at) ?? proposed(part)) === undefined).length;
  const byPart = new Map([...choices].map(([at, choice]) => [changed[at] as Part, choice]));
  const texts = { base: base.text, mine, theirs: merge.text };
  const result = joined(merge.parts, texts, byPart);
  const conflicts = changed.filter(({ origin }) => origin === "CONFLICT").length;
  const content = { text: merge.text, etag: merge.etag };
  return (
    <>
      <p>{text(conflicts === 0 ? "config.conflictNone" : "config.conflictText")}</p>
      <ol className={css.places}>
        {changed.map((part, at) => (
          <li key={`${part.base.first}-${part.mine.first}-${part.theirs.first}`}>
            <PartOf
              lines={(side) => (shown ? linesIn(texts[side], part[side]) : part[side].shown)}
              title={text("config.conflictPart", { number: at + 1, count: changed.length })}
              choice={choices.get(at) ?? proposed(part)}
              choose={(choice) => setChoices(new Map(choices).set(at, choice))}
            />
          </li>
        ))}
      </ol>
      <div className={parts.row}>
        <Button
          kind="primary"
          disabled={result === undefined || refused !== undefined}
          title={refused ?? (left > 0 ? text("config.conflictLeft", { count: left }) : undefined)}
          onClick={() => result !== undefined && file.take(content, result)}
        >
          {text("config.useResult")}
        </Button>
        <Button kind="danger" onClick={() => file.take(content, content.text)}>
          {text("config.allTheirs")}
        </Button>
        {left > 0 && <span className={parts.dim}>{text("config.conflictLeft", { count: left })}</span>}
      </div>
    </>
  );
}

function PartOf({
  lines,
  title,
  choice,
  choose,
}: {
  lines: (side: (typeof SIDES)[number]) => string;
  title: string;
  choice: Choice | undefined;
  choose: (choice: Choice) => void;
}) {
  const text = useConfigText();
  return (
    <fieldset className={css.place} aria-label={title}>
      <div className={css.columns}>
        {SIDES.map((side) => (
          <div
            key={side}
            className={css.side}
            data-chosen={choice === side || choice === "all" ? "" : undefined}
          >
            <span className={css.sideName}>{text(`config.${side}`)}</span>
            <pre className={css.sideLines}>{lines(side) || text("config.noLines")}</pre>
            <label className={parts.check}>
              <input type="radio" name={title} checked={choice === side} onChange={() => choose(side)} />
              {text(TAKE[side])}
            </label>
          </div>
        ))}
      </div>
      <label className={parts.check}>
        <input type="radio" name={title} checked={choice === "all"} onChange={() => choose("all")} />
        {text(TAKE.all)}
      </label>
    </fieldset>
  );
}
