/** The pages' texts in the chosen language. A key that one language lacks does not compile. */
import { useStore } from "../ui/store";
import { en } from "./en";
import { type Language, language } from "./language";
import { zh } from "./zh";

export type Key = keyof typeof zh;
export type Text = (key: Key, values?: Record<string, string | number>) => string;

const CATALOGUES: Record<"zh" | "en", Record<Key, string>> = { zh, en };

export function useText(): Text {
  return textIn(useStore(language));
}

export function textIn(used: Language): Text {
  return (key, values = {}) =>
    CATALOGUES[used][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
