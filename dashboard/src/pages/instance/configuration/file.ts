/** One configuration file that is open: its work, what the server understands of the text, and changes from the form. */
import { query } from "../../../api/connection";
import { ApiError } from "../../../api/errors";
import { ConfigDraftDocument, type ConfigDraftQuery, EditConfigTextDocument } from "../../../gql/graphql";
import { createStore, type Store } from "../../../ui/store";
import { both } from "./splice";
import { type Content, createWork, type Edit, type WorkStore } from "./work";

type Draft = NonNullable<ConfigDraftQuery["configDraft"]>;
export type Value = Draft["values"][number];

interface Understanding {
  /** The text that it is of, which may not be the newest. */
  text: string;
  draft: Draft;
  /** The values; with a syntax error those of the last text without one. */
  values: readonly Value[];
  error: Error | undefined;
}

export interface OpenFile {
  instanceId: string;
  name: string;
  work: WorkStore;
  understood: Store<Understanding | undefined>;
  /** The file as the server has it. */
  latest: Store<Content | undefined>;
  /** Why a change from the form was not made, by the dotted path of its value. */
  refused: Store<ReadonlyMap<string, string>>;
  /** The text in the editor. */
  type(text: string): void;
  /** Changes values. The form shows the new ones until the text has them. */
  edit(...edits: Edit[]): void;
  /** The file was read. */
  read(content: Content): void;
  /** `sent` was written. */
  saved(sent: string, content: Content): void;
  /** From now on the work is `text`, made from `content`. */
  take(content: Content, text: string): void;
  /** Asks the server again what it has failed to say. */
  understand(): void;
}

const QUIET_MS = 250;
const QUIET_LARGE_MS = 1000;
const LARGE_CHARACTERS = 100_000;

const opened = new Map<string, OpenFile>();

/** The same one for as long as the page lives: what is under way goes on while another tab is looked at. */
export function openFile(instanceId: string, name: string): OpenFile {
  const key = `${instanceId}.${name}`;
  const found = opened.get(key) ?? createFile(instanceId, name);
  opened.set(key, found);
  return found;
}

export function dotted(path: readonly string[]): string {
  return path.join(".");
}

function createFile(id: string, name: string): OpenFile {
  const work = createWork(id, name);
  const understood = createStore<Understanding | undefined>(undefined);
  const latest = createStore<Content | undefined>(undefined);
  const refused = createStore<ReadonlyMap<string, string>>(new Map());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let stale = false;
  let editing = false;

  const understand = () => {
    clearTimeout(timer);
    if (asking) {
      stale = true;
      return;
    }
    const { text, base } = work.get();
    if (!base) return;
    asking = true;
    stale = false;
    query(ConfigDraftDocument, { id, name, text })
      .then(
        ({ configDraft: draft }) => {
          if (!draft) return;
          const broken = draft.problem !== null && draft.values.length === 0;
          const before = understood.get()?.values ?? [];
          understood.set({ text, draft, values: broken ? before : draft.values, error: undefined });
          if (!broken && work.get().edits.length > 0) void carryOut();
        },
        (error: Error) => {
          const before = understood.get();
          understood.set({ text, draft: before?.draft ?? NOTHING, values: before?.values ?? [], error });
        },
      )
      .finally(() => {
        asking = false;
        if (stale) understand();
      });
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(understand, work.get().text.length < LARGE_CHARACTERS ? QUIET_MS : QUIET_LARGE_MS);
  };
  // One at a time. Somebody may type into the text meanwhile: then the change is made there too, or else made anew.
  const carryOut = async () => {
    if (editing) return;
    editing = true;
    try {
      for (;;) {
        const { text, edits } = work.get();
        const [first] = edits;
        if (!first) break;
        const done = await edited(first, text);
        // It waits until the text has no syntax error any more.
        if (done instanceof ApiError && done.line !== undefined) break;
        const failure = done instanceof Error ? done.message : undefined;
        const now = work.get().text;
        const made = done instanceof Error ? now : now === text ? done : both(text, done, now);
        if (made === undefined) continue;
        refused.set(noted(refused.get(), dotted(first.path), failure));
        work.update({ text: made, edits: work.get().edits.filter((one) => one !== first) });
      }
    } finally {
      editing = false;
    }
    understand();
  };
  const edited = (edit: Edit, text: string): Promise<string | Error> =>
    query(EditConfigTextDocument, { id, name, text, edits: [edit] }).then(
      (answer) => answer.editConfigText ?? text,
      (error: Error) => error,
    );
  if (work.get().edits.length > 0) void carryOut();

  return {
    instanceId: id,
    name,
    work,
    understood,
    latest,
    refused,
    understand,
    read: (content) => {
      const before = work.get().base;
      latest.set(content);
      work.read(content);
      if (work.get().base !== before || understood.get()?.draft.etag !== content.etag) understand();
    },
    saved: (sent, content) => {
      latest.set(content);
      work.saved(sent, content);
      understand();
    },
    take: (content, text) => {
      latest.set(content);
      work.update({ base: content, text, edits: [] });
      refused.set(new Map());
      understand();
    },
    type: (text) => {
      work.update({ text });
      soon();
    },
    edit: (...edits) => {
      // A value that is typed changes with each key: only the last one counts.
      const before = work
        .get()
        .edits.filter((one, at) => at === 0 || !edits.some((now) => now.action === "SET" && same(one, now)));
      work.update({ edits: [...before, ...edits] });
      void carryOut();
    },
  };
}

function noted(all: ReadonlyMap<string, string>, path: string, failure: string | undefined) {
  const now = new Map(all);
  if (failure === undefined) now.delete(path);
  else now.set(path, failure);
  return now;
}

function same(one: Edit, other: Edit): boolean {
  return one.action === other.action && dotted(one.path) === dotted(other.path);
}

const NOTHING: Draft = {
  etag: "",
  problem: null,
  values: [],
  valueCount: 0,
  hidden: [],
  fixed: [],
  changedKeys: [],
  restartNeeded: false,
};
