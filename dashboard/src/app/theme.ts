/** Light, dark, or as the system is. */
import { createStore } from "../ui/store";

export type Theme = "system" | "light" | "dark";
const KEY = "mailauncher.theme";

function initial(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export const theme = createStore<Theme>(initial());

function apply(): void {
  const chosen = theme.get();
  document.documentElement.style.colorScheme = chosen === "system" ? "light dark" : chosen;
}

export function chooseTheme(next: Theme): void {
  if (next === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  theme.set(next);
  apply();
}

apply();
