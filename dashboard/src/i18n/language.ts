/** The language of the pages: chosen, or that of the browser. */
import { createStore } from "../ui/store";

export type Language = "zh" | "en";
const KEY = "mailauncher.language";

function initial(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = createStore<Language>(initial());

export function chooseLanguage(next: Language): void {
  localStorage.setItem(KEY, next);
  language.set(next);
}

export function localeOf(used: Language): string {
  return used === "zh" ? "zh-CN" : "en-GB";
}
