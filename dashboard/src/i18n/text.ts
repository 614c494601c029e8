/** The pages' texts in the chosen language. A key that one language lacks does not compile. */
import { useStore } from "../ui/store";
import { en } from "./en";
import { type Language, language } from "./language";
import { zh } from "./zh";

type Catalogues<Keys extends string> = Record<Language, Record<Keys, string>>;
type TextOf<Keys extends string> = (key: Keys, values?: Record<string, string | number>) => string;

export type Key = keyof typeof zh;
export type Text = TextOf<Key>;

const SHARED: Catalogues<Key> = { zh, en };

/** The texts that every page needs. A page that is loaded when it is opened has its own, made by `createText`. */
export const useText = createText(SHARED);

export function createText<Keys extends string>(catalogues: Catalogues<Keys>): () => TextOf<Keys> {
  return () => translate(catalogues[useStore(language)]);
}

export function textIn(used: Language): Text {
  return translate(SHARED[used]);
}

function translate<Keys extends string>(catalogue: Record<Keys, string>): TextOf<Keys> {
  return (key, values = {}) =>
    catalogue[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
