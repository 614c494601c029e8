/** Writing a file, and taking that back for a while. */
import { command } from "../../../api/connection";
import {
  RestoreConfigDocument,
  type RestoreConfigMutation,
  WriteConfigTextDocument,
} from "../../../gql/graphql";
import { createStore } from "../../../ui/store";
import type { OpenFile } from "./file";
import { type Content, isChanged } from "./work";

const UNDO_MS = 30_000;

type Written = NonNullable<RestoreConfigMutation["restoreConfig"]>;

export interface Saved {
  restartNeeded: boolean;
  /** The version that was there before. Undefined: there was no file. */
  former: string | undefined;
  etag: string;
  /** Until when it can be taken back, in milliseconds since 1970. */
  until: number;
}

/** What was saved last, by the file. It stays while other pages are looked at. */
export const saved = createStore<ReadonlyMap<OpenFile, Saved>>(new Map());

export function dismiss(file: OpenFile): void {
  const now = new Map(saved.get());
  now.delete(file);
  saved.set(now);
}

function note(file: OpenFile, { restartNeeded, file: now }: Written): void {
  const former = now.revisions?.[1]?.id;
  const one = { restartNeeded, former, etag: now.etag, until: Date.now() + UNDO_MS };
  saved.set(new Map(saved.get()).set(file, one));
}

/** Fails with `CONFLICT` if the file is another one than the work was made from. */
export async function save(file: OpenFile): Promise<void> {
  const { instanceId: id, name, work } = file;
  const { text, base } = work.get();
  if (!base) return;
  const answer = await command(WriteConfigTextDocument, { id, name, text, etag: base.etag });
  const written = answer.writeConfigText;
  if (!written) return;
  file.saved(text, written.file);
  note(file, written);
}

/** What was saved is unsaved work again, unless something else was typed since then. */
export async function undo(file: OpenFile, { former, etag }: Saved): Promise<void> {
  if (former === undefined) return;
  const before = file.work.get().text;
  const written = await writeRevision(file, former, etag);
  if (!written) return;
  dismiss(file);
  // What was typed meanwhile is work too. What was read meanwhile is not.
  const { text } = file.work.get();
  file.work.update({ base: written.file, text: text === written.file.text ? before : text });
  file.understand();
}

/** For a file without unsaved work. */
export async function restore(file: OpenFile, revision: string): Promise<void> {
  const work = file.work.get();
  if (!work.base || isChanged(work)) return;
  const written = await writeRevision(file, revision, work.base.etag);
  if (!written) return;
  file.read(written.file); // what was typed meanwhile stays, and is a conflict
  note(file, written);
}

async function writeRevision(
  { instanceId: id, name }: OpenFile,
  revision: string,
  etag: string,
): Promise<(Written & { file: Content }) | null> {
  return (await command(RestoreConfigDocument, { id, name, revision, etag })).restoreConfig;
}
