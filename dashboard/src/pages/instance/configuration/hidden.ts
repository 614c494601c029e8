/** Hides secrets in the editor, except one that is just being typed. */
import { type EditorState, type Extension, type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";

type Spans = readonly (readonly [number, number])[];

/** Places of secrets, in order; they move with what is typed before them. */
export const setSecrets = StateEffect.define<Spans>();
/** Whether secrets are shown. */
export const setShown = StateEffect.define<boolean>();

interface Secrets {
  spans: Spans;
  shown: boolean;
}

const secrets = StateField.define<Secrets>({
  create: () => ({ spans: [], shown: false }),
  update: (value, transaction) => {
    let { spans, shown } = value;
    if (transaction.docChanged && spans.length > 0)
      spans = spans.map(
        ([start, end]) =>
          [transaction.changes.mapPos(start, 1), transaction.changes.mapPos(end, -1)] as const,
      );
    for (const effect of transaction.effects) {
      if (effect.is(setSecrets)) spans = effect.value;
      if (effect.is(setShown)) shown = effect.value;
    }
    return spans === value.spans && shown === value.shown ? value : { spans, shown };
  },
});

class Dots extends WidgetType {
  override eq(): boolean {
    return true;
  }

  override toDOM(): HTMLElement {
    const dots = document.createElement("span");
    dots.className = "cm-secret";
    dots.textContent = "••••••";
    return dots;
  }
}

const DOTS = Decoration.replace({ widget: new Dots() });

function hiding(state: EditorState): DecorationSet {
  const { spans, shown } = state.field(secrets);
  if (shown) return Decoration.none;
  const { head } = state.selection.main;
  const ranges: Range<Decoration>[] = [];
  for (const [start, end] of spans) {
    const typed = start < head && head < end;
    if (start < end && end <= state.doc.length && !typed) ranges.push(DOTS.range(start, end));
  }
  return Decoration.set(ranges);
}

export const hidden: Extension = [
  secrets,
  EditorView.decorations.compute([secrets, "selection", "doc"], hiding),
  EditorView.atomicRanges.of((view) => hiding(view.state)),
];
