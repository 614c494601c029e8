/** The text of a file in an editor: follows changes from the form, and tells what is typed. */
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { ConfigKind } from "../../../gql/graphql";
import { inEditor, lineEndOf } from "../../../ui/lineEnds";
import css from "./configuration.module.css";
import { createState, foreign, setProblem } from "./editor";
import type { OpenFile } from "./file";
import { setSecrets, setShown } from "./hidden";
import { placesIn } from "./places";
import { spliceOf } from "./splice";
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
}: {
  file: OpenFile;
  kind: ConfigKind;
  path: string;
  /** Whether secrets are shown. */
  shown: boolean;
  goTo: Place | undefined;
}) {
  const text = useConfigText();
  const label = text("config.textOf", { path });
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ text, shown });
  useEffect(() => {
    latest.current = { text, shown };
  });
  useEffect(() => {
    const parent = place.current;
    if (!parent) return;
    // What the document is a text of: comparing it with the document each time would take long for a large one.
    let is = file.work.get().text;
    const lineEnd = lineEndOf(file.work.get().base?.text ?? "");
    const state = createState(inEditor(is), {
      kind,
      label,
      phrases: phrasesIn(latest.current.text),
      typed: ({ state: { doc } }) => {
        is = doc.sliceString(0, doc.length, lineEnd);
        file.type(is);
      },
    });
    const editor = new EditorView({ state, parent });
    view.current = editor;
    editor.dispatch({ effects: setShown.of(latest.current.shown) });
    const unwatch = [
      file.work.subscribe(() => {
        const { text: now } = file.work.get();
        if (now === is) return;
        is = now;
        show(editor, now);
      }),
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

/** Makes the document this text, and leaves what both have in its place. */
function show(view: EditorView, text: string): void {
  const { from, to, insert } = spliceOf(view.state.doc.toString(), inEditor(text));
  view.dispatch({
    changes: { from, to, insert },
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
