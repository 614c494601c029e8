/** How this browser shows terminals. */
import { createStore, type Store } from "../ui/store";

export const LAYOUTS = ["tabs", "grid"] as const;
/** A screen; one that screen readers can read; or lines of text. */
export const FORMS = ["screen", "reader", "plain"] as const;

export const layout = kept("mailauncher.terminal.layout", LAYOUTS);
export const form = kept("mailauncher.terminal.form", FORMS);

/** A choice that is kept; the first one at first. */
function kept<Choice extends string>(key: string, choices: readonly [Choice, ...Choice[]]): Store<Choice> {
  const found = localStorage.getItem(key);
  const store = createStore(choices.find((choice) => choice === found) ?? choices[0]);
  store.subscribe(() => localStorage.setItem(key, store.get()));
  return store;
}
