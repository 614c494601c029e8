/** A text file, to read and to edit. What is typed is kept in this tab until it is saved. */
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { command } from "../../api/connection";
import { useQuery } from "../../api/useQuery";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import { FileTextDocument, WriteFileTextDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import { inEditor, isMixed, lineEndOf, withLineEnds } from "../../ui/lineEnds";
import { Button, css as parts, Skeleton, Unread } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import css from "./files.module.css";
import { contentAddress, nameOf } from "./paths";
import { useFilesText } from "./texts";
import { Way } from "./Way";

interface Place {
  instanceId: string;
  path: string;
}

export function TextEditor({ instanceId, path }: Place) {
  const text = useFilesText();
  const { data, error, again } = useQuery(FileTextDocument, { id: instanceId, path });
  const found = data?.fileText;
  return (
    <div className={css.folder}>
      <div className={parts.cardHead}>
        <Way instanceId={instanceId} path={path} />
        <a className={`${parts.button} ${parts.small}`} href={contentAddress(instanceId, path)} download>
          {text("files.download")}
        </a>
      </div>
      {error && <Unread error={error} again={again} />}
      {!found && !error && <Skeleton label={text("files.reading")} lines={8} />}
      {found && <Editing instanceId={instanceId} path={path} read={found} again={again} />}
    </div>
  );
}

interface Content {
  text: string;
  etag: string;
}

/** `read` is what was read last, and `again` reads it once more. */
function Editing({ instanceId, path, read, again }: Place & { read: Content; again: () => void }) {
  const text = useFilesText();
  const shared = useText();
  const { attempt, busy, refused } = useCommands();
  // What this page has saved counts until something else is read.
  const [saved, setSaved] = useState<Content & { instead: string }>();
  const current = saved?.instead === read.etag ? saved : read;
  const lineEnd = lineEndOf(current.text);
  const { value, changed, kept, change, forget } = useDraft(`file.${instanceId}.${path}`, {
    text: inEditor(current.text),
    etag: current.etag,
  });
  const outdated = changed && value.etag !== current.etag;
  const name = nameOf(path);
  const typed = useRef(value.text);
  useEffect(() => {
    typed.current = value.text;
  });
  const write = async (ifMatch: string) => {
    const sent = value.text;
    const content = withLineEnds(sent, lineEnd);
    const input = { id: instanceId, path, text: content, ifMatch };
    const { writeFileText } = await command(WriteFileTextDocument, input);
    if (!writeFileText) return;
    const { message, written } = writeFileText;
    tell(shared("do.result", { name, message }));
    setSaved({ text: content, etag: written.etag, instead: read.etag });
    if (typed.current === sent) forget();
    else change({ text: typed.current, etag: written.etag }); // what was typed meanwhile is not saved
  };
  const save = async (ifMatch: string) => {
    if (!(await attempt(name, write(ifMatch)))) again(); // somebody else may have changed it
  };
  const keys = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "s") return;
    event.preventDefault();
    if (changed && !outdated && !busy && refused === undefined) void save(value.etag);
  };
  return (
    <>
      <textarea
        className={css.editor}
        aria-label={text("files.editor", { name })}
        spellCheck={false}
        value={value.text}
        onChange={(event) => change({ text: event.target.value, etag: value.etag })}
        onKeyDown={keys}
      />
      {outdated && (
        <div className={css.conflict} role="alert">
          <p>{text("files.changed")}</p>
          <div className={parts.row}>
            <Button
              kind="danger"
              disabled={busy || refused !== undefined}
              title={refused}
              onClick={() => void save(current.etag)}
            >
              {text("files.overwrite")}
            </Button>
            <Button onClick={forget}>{text("files.reload")}</Button>
          </div>
        </div>
      )}
      {isMixed(current.text) && <p>{text("files.mixed", { kind: lineEnd === "\n" ? "LF" : "CRLF" })}</p>}
      <div className={parts.row}>
        <Button
          kind="primary"
          disabled={!changed || outdated || busy || refused !== undefined}
          title={refused}
          onClick={() => void save(value.etag)}
        >
          {shared("do.save")}
        </Button>
        {changed && (
          <>
            <Button onClick={forget}>{shared("do.discard")}</Button>
            <span className={parts.dim}>{text(kept ? "files.unsaved" : "files.notKept")}</span>
          </>
        )}
      </div>
      <p className={parts.dim}>{text("files.keys")}</p>
    </>
  );
}
