/** How a file is shown: as a form, as a text, or as both beside each other. Kept in this browser. */
import { createStore } from "../../../ui/store";

export const VIEWS = ["form", "text", "both"] as const;
type View = (typeof VIEWS)[number];

const KEY = "mailauncher.config.view";
const WIDE = "(min-width: 1100px)";

function initial(): View {
  const kept = localStorage.getItem(KEY);
  return VIEWS.find((one) => one === kept) ?? (matchMedia(WIDE).matches ? "both" : "form");
}

export const view = createStore<View>(initial());

export function chooseView(next: View): void {
  localStorage.setItem(KEY, next);
  view.set(next);
}
