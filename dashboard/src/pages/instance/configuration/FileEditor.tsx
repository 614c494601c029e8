/** One configuration file: as a form and as a text, which show the same at any moment. */
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { connection } from "../../../api/connection";
import type { ConfigFilesQuery } from "../../../gql/graphql";
import { isUp } from "../../../live/condition";
import type { Instance } from "../../../live/instances";
import { Button, css as parts, Skeleton, Unread } from "../../../ui/parts";
import { useStore } from "../../../ui/store";
import { Conflict } from "./Conflict";
import css from "./configuration.module.css";
import { Form } from "./Form";
import { openFile } from "./file";
import { Review } from "./Review";
import { Revisions } from "./Revisions";
import { SaveBar } from "./SaveBar";
import { SavedBar } from "./SavedBar";
import type { Place } from "./TextEditor";
import { useConfigText } from "./texts";
import { isSettled, useBase, useConflict } from "./useFile";
import { chooseView, VIEWS, view } from "./view";
import { useContent } from "./watching";
import { isChanged } from "./work";

const TextEditor = lazy(() => import("./TextEditor"));

export type ConfigFile = NonNullable<ConfigFilesQuery["configFiles"]>[number];

export function FileEditor({
  instance,
  entry,
  wanted,
  line,
}: {
  instance: Instance;
  entry: ConfigFile;
  /** The dotted path of a value that somebody looks for, and its line. */
  wanted: string | undefined;
  line: number | undefined;
}) {
  const text = useConfigText();
  const { name, path, component } = entry;
  const file = openFile(instance.id, name);
  const { data, error, again } = useContent(instance.id, name);
  const content = data?.configFile;
  const base = useBase(file);
  const conflict = useConflict(file);
  const understood = useStore(file.understood);
  const chosen = useStore(view);
  const connected = useStore(connection).is === "connected";
  const [shown, setShown] = useState(false);
  const [reviewing, setReviewing] = useState(false);
  const [goTo, setGoTo] = useState<Place | undefined>(line === undefined ? undefined : { line, asked: 0 });
  useEffect(() => {
    if (content) file.read(content);
  }, [file, content]);
  useEffect(() => {
    if (line !== undefined) setGoTo({ line, asked: Date.now() });
  }, [line]);
  const goToLine = useCallback((to: number) => {
    if (view.get() === "form") chooseView("text");
    setGoTo({ line: to, asked: Date.now() });
  }, []);

  if (error && !base) return <Unread error={error} again={again} />;
  // The editor is not shown before it is known where secrets stand.
  if (!base || !understood) return <Skeleton label={text("config.loading")} lines={10} />;
  const reader = component === "main" ? instance : instance.services.find((one) => one.name === component);
  const program = component === "main" ? instance.name : component;
  const running = reader !== undefined && isUp(reader);
  const broken = understood.draft.problem !== null && understood.draft.values.length === 0;
  const disabled = broken ? text("config.formBroken") : connected ? undefined : text("config.formOffline");
  const effect = understood.draft.restartNeeded
    ? "config.needsRestart"
    : running
      ? "config.hot"
      : "config.atStart";
  const review = () => {
    const writable = isSettled(file) && !understood.draft.problem && !conflict && connected;
    if (isChanged(file.work.get()) && writable) setReviewing(true);
  };
  return (
    <section className={css.file} aria-label={path}>
      <div className={css.fileHead}>
        <h2>{path}</h2>
        <fieldset className={css.views} aria-label={text("config.view")}>
          {VIEWS.map((one) => (
            <Button key={one} small aria-pressed={chosen === one} onClick={() => chooseView(one)}>
              {text(`config.${one}`)}
            </Button>
          ))}
        </fieldset>
        <label className={parts.check}>
          <input type="checkbox" checked={shown} onChange={({ target }) => setShown(target.checked)} />
          {text("config.secrets")}
        </label>
      </div>
      {content?.exists === false && <p className={css.notice}>{text("config.missingText")}</p>}
      {error && <Unread error={error} again={again} />}
      {understood.error && <Unread error={understood.error} again={file.understand} />}
      {conflict && <Conflict file={file} path={path} etag={conflict} shown={shown} />}
      <div className={css.panes} data-view={chosen}>
        {chosen !== "text" && (
          <Form
            file={file}
            path={path}
            environment={entry.kind === "ENV"}
            disabled={disabled}
            shown={shown}
            wanted={wanted}
            goToLine={goToLine}
          />
        )}
        {chosen !== "form" && (
          <Suspense fallback={<Skeleton label={text("config.loading")} lines={10} />}>
            <TextEditor file={file} kind={entry.kind} path={path} shown={shown} goTo={goTo} />
          </Suspense>
        )}
      </div>
      <SavedBar file={file} path={path} component={component} program={program} />
      <SaveBar
        file={file}
        path={path}
        effect={text(effect, { name: program })}
        conflict={conflict !== undefined}
        review={review}
        goToLine={goToLine}
      />
      {reviewing && (
        <Review
          file={file}
          path={path}
          effect={text(effect, { name: program })}
          close={() => setReviewing(false)}
          conflict={again}
        />
      )}
      <Revisions file={file} etag={base.etag} />
    </section>
  );
}
