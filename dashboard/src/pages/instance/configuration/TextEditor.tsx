/** The text of a file in an editor: follows changes from the form, and tells what is typed. */
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { ConfigKind } from "../../../gql/graphql";
import css from "./configuration.module.css";
import { createState, foreign, setProblem } from "./editor";
import type { OpenFile } from "./file";
import { setSecrets, setShown } from "./hidden";
import { inEditor, lineEndOf, placesIn } from "./places";
import { phrasesIn, useConfigText } from "./texts";

export interface Place {
  /** From 1. */
  line: number;
  /** Another one each time that somebody wants to go there. */
  asked: number;
}

export default function TextEditor({
  file,
  kind,
  path,
  shown,
  goTo,
  save,
}: {
  file: OpenFile;
  kind: ConfigKind;
  path: string;
  /** Whether secrets are shown. */
  shown: boolean;
  goTo: Place | undefined;
  save: () => void;
}) {
  const text = useConfigText();
  const label = text("config.textOf", { path });
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ save, text });
  useEffect(() => {
    latest.current = { save, text };
  });
  useEffect(() => {
    const parent = place.current;
    if (!parent) return;
    const lineEnd = lineEndOf(file.work.get().base?.text ?? "");
    const state = createState(inEditor(file.work.get().text), {
      kind,
      label,
      phrases: phrasesIn(latest.current.text),
      typed: ({ state: { doc } }) => file.type(doc.sliceString(0, doc.length, lineEnd)),
      save: () => latest.current.save(),
    });
    const editor = new EditorView({ state, parent });
    view.current = editor;
    const unwatch = [
      file.work.subscribe(() => show(editor, file)),
      file.understood.subscribe(() => mark(editor, file)),
    ];
    mark(editor, file);
    return () => {
      for (const stop of unwatch) stop();
      editor.destroy();
      view.current = undefined;
    };
  }, [file, kind, label]);
  useEffect(() => view.current?.dispatch({ effects: setShown.of(shown) }), [shown]);
  useEffect(() => {
    const editor = view.current;
    if (!editor || !goTo || goTo.line > editor.state.doc.lines) return;
    const { from } = editor.state.doc.line(goTo.line);
    editor.dispatch({
      selection: { anchor: from },
      effects: EditorView.scrollIntoView(from, { y: "center" }),
    });
  }, [goTo]);
  return <div ref={place} className={css.editor} />;
}

/** Makes the document what the work is, if it is something else, and leaves what both have in its place. */
function show(view: EditorView, { work }: OpenFile): void {
  const { doc } = view.state;
  const wanted = inEditor(work.get().text);
  const is = doc.toString();
  if (is === wanted) return;
  const least = Math.min(is.length, wanted.length);
  let from = 0;
  while (from < least && is.charCodeAt(from) === wanted.charCodeAt(from)) from++;
  let tail = 0;
  while (
    tail < least - from &&
    is.charCodeAt(is.length - 1 - tail) === wanted.charCodeAt(wanted.length - 1 - tail)
  )
    tail++;
  view.dispatch({
    changes: { from, to: is.length - tail, insert: wanted.slice(from, wanted.length - tail) },
    annotations: foreign.of(true),
  });
}

/** Shows what the server has understood, unless the text is another one by now. */
function mark(view: EditorView, { work, understood }: OpenFile): void {
  const found = understood.get();
  if (!found || found.error || found.text !== work.get().text) return;
  const place = placesIn(found.text);
  const spans = found.draft.hidden as [number, number][];
  view.dispatch({
    effects: [
      setSecrets.of(spans.map(([start, end]) => [place(start), place(end)])),
      setProblem.of(found.draft.problem?.line ?? 0),
    ],
  });
}
