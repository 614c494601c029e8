/** Uploads of files: a few at a time, each with its progress. They go on while other pages are shown. */
import { answerIn, errorIn } from "../../api/errors";
import { language } from "../../i18n/language";
import { askBeforeLeaving } from "../../ui/leaving";
import { createStore } from "../../ui/store";
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
}

export const uploads = createStore<readonly Upload[]>([]);

const requests = new Map<number, XMLHttpRequest>();
let last = 0;

export function upload(instanceId: string, folder: string, files: Iterable<File>): void {
  const added = [...files].map((file) => {
    const path = joined(folder, escaped(file.name));
    const state: State = { is: "waiting" };
    return { id: ++last, instanceId, path, name: nameOf(file.name), file, replace: false, state };
  });
  uploads.set([...uploads.get(), ...added]);
  begin();
}

/** Uploads once more what was refused or broken off. */
export function again(id: number, replace: boolean): void {
  change(id, { replace, state: { is: "waiting" } });
  begin();
}

export function cancel(id: number): void {
  const request = requests.get(id);
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
    if (requests.size >= AT_ONCE) break;
    if (next.state.is === "waiting") send(next);
  }
  askBeforeLeaving(uploads, requests.size > 0);
}

function send({ id, instanceId, path, file, replace }: Upload): void {
  const request = new XMLHttpRequest(); // `fetch` tells no progress of what is sent
  requests.set(id, request);
  change(id, { state: { is: "sending", sent: 0 } });
  const end = (state: State) => () => {
    requests.delete(id);
    change(id, { state });
    begin();
  };
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
