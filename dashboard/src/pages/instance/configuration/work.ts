/**
 * What is being made of one configuration file: a text, and the content of the file that it was made from. It is kept in this
 * tab, so that a reload, a lost server or a crash of the tab loses nothing.
 */
import { createStore } from "../../../ui/store";

export interface Content {
  text: string;
  etag: string;
}

/** A change of one value in the form that is not in the text yet: the server makes it. */
export interface Edit {
  action: "SET" | "UNSET" | "REPEAT";
  path: string[];
  value: unknown;
}

export interface Work {
  /** Undefined until the file was read. */
  base: Content | undefined;
  text: string;
  edits: readonly Edit[];
  /** Whether a reload keeps it. A browser gives a tab a few MiB. */
  kept: boolean;
}

/** From this size on what is typed is kept a little later: writing it takes longer than a key may. */
const LARGE_CHARACTERS = 100_000;
const LATER_MS = 500;
const PREFIX = "mailauncher.config.";

const storageName = (instanceId: string, name: string) => `${PREFIX}${instanceId}.${name}`;

/** The storage names of all files with unsaved work. */
export const unsaved = createStore<ReadonlySet<string>>(
  new Set(Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX))),
);

export function isUnsaved(names: ReadonlySet<string>, instanceId: string, name: string): boolean {
  return names.has(storageName(instanceId, name));
}

export function isChanged(work: Work): boolean {
  return work.base !== undefined && (work.text !== work.base.text || work.edits.length > 0);
}

export type WorkStore = ReturnType<typeof createWork>;

export function createWork(instanceId: string, name: string) {
  const storage = storageName(instanceId, name);
  const { get, set, subscribe } = createStore<Work>(restored(storage));
  let later: ReturnType<typeof setTimeout> | undefined;

  const keep = () => {
    clearTimeout(later);
    later = undefined;
    const work = get();
    const changed = isChanged(work);
    let kept = true;
    if (changed) {
      const { base, text, edits } = work;
      try {
        sessionStorage.setItem(storage, JSON.stringify({ base, text, edits }));
      } catch {
        kept = false;
      }
    } else sessionStorage.removeItem(storage);
    if (kept !== work.kept) set({ ...work, kept });
    const names = new Set(unsaved.get());
    if (names.has(storage) !== changed) {
      if (changed) names.add(storage);
      else names.delete(storage);
      unsaved.set(names);
    }
  };
  const update = (part: Partial<Work>) => {
    set({ ...get(), ...part });
    if (get().text.length < LARGE_CHARACTERS) keep();
    else later ??= setTimeout(keep, LATER_MS);
  };
  addEventListener("pagehide", () => later !== undefined && keep());

  return {
    get,
    subscribe,
    update,
    /** The file was read. Work that is not saved stays, and its base tells that the file is another one meanwhile. */
    read: (content: Content) => {
      const work = get();
      if (work.base?.etag === content.etag) return;
      if (!isChanged(work)) update({ base: content, text: content.text });
      else if (work.text === content.text && work.edits.length === 0) update({ base: content });
    },
    /** `sent` is in the file now. What was typed since then is not. */
    saved: (sent: string, content: Content) => {
      const { text } = get();
      update({ base: content, text: text === sent ? content.text : text });
    },
  };
}

function restored(storage: string): Work {
  const kept = sessionStorage.getItem(storage);
  if (kept === null) return { base: undefined, text: "", edits: [], kept: true };
  const { base, text, edits } = JSON.parse(kept) as Pick<Work, "base" | "text" | "edits">;
  return { base, text, edits, kept: true };
}
