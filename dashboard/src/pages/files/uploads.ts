/** Uploads of files: a few at a time, each with its progress. They go on while other pages are shown. */
import { command } from "../../api/connection";
import { ApiError, answerIn, errorIn, UnknownOutcome } from "../../api/errors";
import { CreateFolderDocument } from "../../gql/graphql";
import { language } from "../../i18n/language";
import { askBeforeLeaving } from "../../ui/leaving";
import { createStore } from "../../ui/store";
import type { Dropped } from "./dropped";
import { contentAddress, escaped, joined, nameOf } from "./paths";

const AT_ONCE = 2;

type State =
  | { is: "waiting" }
  | { is: "sending"; sent: number }
  | { is: "done" }
  | { is: "cancelled" }
  | { is: "interrupted" }
  | { is: "refused"; message: string; exists: boolean };

export interface Upload {
  id: number;
  instanceId: string;
  path: string;
  name: string;
  file: File;
  replace: boolean;
  state: State;
  /** Makes the folder that it goes to, if that came with it. */
  prepare(): Promise<void>;
}

export const uploads = createStore<readonly Upload[]>([]);

/** Those that have begun; without a request while their folder is made. */
const begun = new Map<number, XMLHttpRequest | undefined>();
let last = 0;

/** `folder` is there; what came with the files is made in it. Answers with the folders that could not be made for themselves. */
export async function upload(
  instanceId: string,
  folder: string,
  { files, empty }: Pick<Dropped, "files" | "empty">,
): Promise<string[]> {
  const make = folderMaker(instanceId, folder);
  const added = files.map(({ file, way }) => {
    const path = joined(placeOf(folder, way), escaped(file.name));
    const state: State = { is: "waiting" };
    const prepare = () => make(way);
    return { id: ++last, instanceId, path, name: nameOf(file.name), file, replace: false, state, prepare };
  });
  uploads.set([...uploads.get(), ...added]);
  begin();
  const notMade: string[] = [];
  // One after the other: there may be more of them than the server works on at once.
  for (const way of empty) await make(way).catch(() => notMade.push(way));
  return notMade;
}

function placeOf(folder: string, way: string): string {
  return way.split("/").filter(Boolean).map(escaped).reduce(joined, folder);
}

/** Makes each folder once, those around it first. One that is there already is used. */
function folderMaker(instanceId: string, folder: string): (way: string) => Promise<void> {
  const made = new Map([["", Promise.resolve()]]);
  const create = async (way: string) => {
    try {
      await make(way.split("/").slice(0, -1).join("/"));
      await command(CreateFolderDocument, { id: instanceId, path: placeOf(folder, way) });
    } catch (error) {
      if (error instanceof ApiError && error.code === "DUPLICATE_RESOURCE") return;
      made.delete(way); // it is tried again with the file
      throw error;
    }
  };
  const make = (way: string): Promise<void> => {
    const making = made.get(way) ?? create(way);
    made.set(way, making);
    return making;
  };
  return make;
}

/** Uploads once more what was refused or broken off. */
export function again(id: number, replace: boolean): void {
  change(id, { replace, state: { is: "waiting" } });
  begin();
}

export function cancel(id: number): void {
  const request = begun.get(id);
  if (request) request.abort();
  else change(id, { state: { is: "cancelled" } });
}

export function isActive({ state }: Upload): boolean {
  return state.is === "waiting" || state.is === "sending";
}

/** Forgets what has ended for one bot. */
export function dismiss(instanceId: string): void {
  uploads.set(uploads.get().filter((one) => isActive(one) || one.instanceId !== instanceId));
}

function change(id: number, part: Partial<Upload>): void {
  uploads.set(uploads.get().map((one) => (one.id === id ? { ...one, ...part } : one)));
}

function begin(): void {
  for (const next of uploads.get()) {
    if (begun.size >= AT_ONCE) break;
    if (next.state.is === "waiting" && !begun.has(next.id)) void send(next);
  }
  askBeforeLeaving(uploads, begun.size > 0);
}

async function send({ id, instanceId, path, file, replace, prepare }: Upload): Promise<void> {
  const end = (state: State) => () => {
    begun.delete(id);
    change(id, { state });
    begin();
  };
  begun.set(id, undefined);
  try {
    await prepare();
  } catch (error) {
    if (error instanceof UnknownOutcome) return end({ is: "interrupted" })();
    return end({ is: "refused", message: (error as Error).message, exists: false })();
  }
  const now = uploads.get().find((one) => one.id === id);
  if (now?.state.is !== "waiting") return end(now?.state ?? { is: "cancelled" })(); // it was cancelled meanwhile
  const request = new XMLHttpRequest(); // `fetch` tells no progress of what is sent
  begun.set(id, request);
  change(id, { state: { is: "sending", sent: 0 } });
  request.upload.onprogress = ({ loaded }) => change(id, { state: { is: "sending", sent: loaded } });
  request.onload = () => end(stateOf(request))();
  request.onerror = end({ is: "interrupted" });
  request.onabort = end({ is: "cancelled" });
  request.open("PUT", `${contentAddress(instanceId, path)}&existing=${replace ? "replace" : "fail"}`);
  request.setRequestHeader("Accept-Language", language.get());
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
}

function stateOf({ status, statusText, responseText }: XMLHttpRequest): State {
  if (status === 200) return { is: "done" };
  const error = errorIn(answerIn(status, statusText, responseText));
  return {
    is: "refused",
    message: error?.message ?? statusText,
    exists: error?.code === "DUPLICATE_RESOURCE",
  };
}
