/** The text editor: CodeMirror with the languages of configuration files and the colours of the pages. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { json } from "@codemirror/legacy-modes/mode/javascript";
import { properties } from "@codemirror/legacy-modes/mode/properties";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { search, searchKeymap } from "@codemirror/search";
import {
  Annotation,
  EditorState,
  type Extension,
  RangeSet,
  StateEffect,
  StateField,
} from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { ConfigKind } from "../../../gql/graphql";
import { hidden } from "./hidden";

const LANGUAGES: Record<ConfigKind, Extension> = {
  TOML: StreamLanguage.define(toml),
  JSON: StreamLanguage.define(json),
  ENV: StreamLanguage.define(properties),
};

const COLOURS = HighlightStyle.define([
  { tag: tags.comment, color: "var(--dim)" },
  { tag: [tags.string, tags.quote], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.atom, tags.null], color: "var(--ask)" },
  { tag: [tags.propertyName, tags.definition(tags.variableName), tags.keyword], color: "var(--accent)" },
]);

const LOOK = EditorView.theme({
  "&": { backgroundColor: "var(--card)", color: "var(--text)", height: "100%" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontSize: "0.87rem", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": {
    backgroundColor: "var(--page)",
    color: "var(--dim)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--accent-soft)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  ".cm-problem": { backgroundColor: "var(--bad-soft)" },
  ".cm-secret": { color: "var(--dim)", letterSpacing: "0.1em" },
  ".cm-searchMatch": { backgroundColor: "var(--busy-soft)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panel.cm-search": { padding: "8px" },
  ".cm-panel.cm-search label": { fontSize: "0.87rem" },
  ".cm-panel.cm-search input:not([type=checkbox]), .cm-panel.cm-search button": { fontSize: "0.87rem" },
  ".cm-panel.cm-search [name=close]": { width: "28px", height: "28px", color: "var(--text)" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--card)", border: "1px solid var(--line)" },
});

/** The line with the syntax error, from 1; 0 for none. */
export const setProblem = StateEffect.define<number>();

const problem = StateField.define<RangeSet<Decoration>>({
  create: () => Decoration.none,
  update: (marks, transaction) => {
    let now = marks.map(transaction.changes);
    for (const effect of transaction.effects)
      if (effect.is(setProblem)) {
        const { doc } = transaction.state;
        const line = effect.value > 0 && effect.value <= doc.lines ? doc.line(effect.value) : undefined;
        now = line ? RangeSet.of(Decoration.line({ class: "cm-problem" }).range(line.from)) : Decoration.none;
      }
    return now;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export interface Wishes {
  kind: ConfigKind;
  label: string;
  phrases: Record<string, string>;
  /** Something was typed. */
  typed(view: EditorView): void;
}

/** A change that was not typed here. */
export const foreign = Annotation.define<boolean>();

export function createState(doc: string, { kind, label, phrases, typed }: Wishes): EditorState {
  return EditorState.create({
    doc,
    extensions: [
      lineNumbers(),
      history(),
      drawSelection(),
      highlightActiveLine(),
      EditorView.lineWrapping,
      LANGUAGES[kind],
      syntaxHighlighting(COLOURS),
      search({ top: true }),
      keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
      hidden,
      problem,
      LOOK,
      EditorState.phrases.of(phrases),
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged && !update.transactions.some((one) => one.annotation(foreign)))
          typed(update.view);
      }),
    ],
  });
}
