/**
 * Files that become emojis, a few at a time. Each is one request of its own, not a message of the page's socket: so its progress is
 * known, and it holds up nothing else. The server takes an image whole or not at all, and none that the bot has already; so
 * whatever happens, a file can be sent again.
 */
import { ApiError, answerIn, dataOf } from "../../api/errors";
import { documentId } from "../../api/operation";
import { AddEmojiDocument, type AddEmojiMutation } from "../../gql/graphql";
import { language } from "../../i18n/language";
import { askBeforeLeaving } from "../../ui/leaving";
import { createStore, type Store } from "../../ui/store";

/** The server's limit on images: a larger one is not even read. */
export const BYTES_MOST = 10 << 20;
const AT_ONCE = 2;
const NAME_CHARACTERS = 64;
const NAMES_TRIED = 50;

export type Outcome =
  | { is: "waiting" | "reading" | "checking" | "empty" | "tooLarge" | "unknown" | "cancelled" }
  | { is: "sending"; share: number }
  | { is: "done"; name: string }
  | { is: "same" | "refused" | "unreadable"; message: string };

export interface Upload {
  id: number;
  file: File;
  outcome: Outcome;
}

export interface Uploads {
  all: Store<readonly Upload[]>;
  /** How often all that there was to send has ended: there may be new emojis then. */
  rounds: Store<number>;
  add(files: Iterable<File>): void;
  /** Sends those again that failed for another reason than that they are there already. */
  again(): void;
  cancel(): void;
  /** Forgets those that have ended. */
  clear(): void;
}

const ENDED = new Set(["done", "same", "refused", "unreadable", "empty", "tooLarge", "unknown", "cancelled"]);

export function hasEnded({ outcome }: Upload): boolean {
  return ENDED.has(outcome.is);
}

export function hasFailed(upload: Upload): boolean {
  return hasEnded(upload) && upload.outcome.is !== "done";
}

const opened = new Map<string, Uploads>();

/** The same ones for as long as the page lives: they go on while other pages are shown. */
export function uploadsTo(instanceId: string): Uploads {
  const found = opened.get(instanceId) ?? createUploads(sendTo(instanceId));
  opened.set(instanceId, found);
  return found;
}

/** `send` creates an emoji. */
export function createUploads(send: Send): Uploads {
  const all = createStore<readonly Upload[]>([]);
  const rounds = createStore(0);
  const sending = new Map<number, AbortController>();
  let last = 0;
  const set = (id: number, outcome: Outcome) =>
    all.set(all.get().map((upload) => (upload.id === id ? { ...upload, outcome } : upload)));

  const work = async ({ id, file }: Upload) => {
    const controller = new AbortController();
    sending.set(id, controller);
    askBeforeLeaving(all, true); // files do not survive that
    set(id, { is: "reading" });
    set(id, await outcomeOf(file, send, (outcome) => set(id, outcome), controller.signal));
    sending.delete(id);
    begin();
    if (sending.size > 0) return;
    askBeforeLeaving(all, false);
    rounds.set(rounds.get() + 1);
  };
  const begin = () => {
    for (const upload of all.get()) {
      if (sending.size >= AT_ONCE) return;
      if (upload.outcome.is === "waiting") void work(upload);
    }
  };
  return {
    all,
    rounds,
    add: (files) => {
      const more = [...files].map((file): Upload => ({ id: ++last, file, outcome: { is: "waiting" } }));
      all.set([...all.get(), ...more]);
      begin();
    },
    again: () => {
      const retried = ({ outcome }: Upload) =>
        ["refused", "unreadable", "unknown", "cancelled"].includes(outcome.is);
      all.set(
        all.get().map((upload) => (retried(upload) ? { ...upload, outcome: { is: "waiting" } } : upload)),
      );
      begin();
    },
    cancel: () => {
      all.set(
        all
          .get()
          .map((upload) =>
            upload.outcome.is === "waiting" ? { ...upload, outcome: { is: "cancelled" } } : upload,
          ),
      );
      for (const controller of sending.values()) controller.abort();
    },
    clear: () => all.set(all.get().filter((upload) => !hasEnded(upload))),
  };
}

interface Request {
  name: string;
  imageData: string;
  /** The share of the request that is sent, 0 to 1. */
  progress(share: number): void;
  signal: AbortSignal;
}

/** The name of the new emoji. Throws ApiError, or another error if there was no answer. */
export type Send = (request: Request) => Promise<string>;

async function outcomeOf(
  file: File,
  send: Send,
  tell: (outcome: Outcome) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  if (file.size === 0) return { is: "empty" };
  if (file.size > BYTES_MOST) return { is: "tooLarge" };
  let imageData: string;
  try {
    imageData = await asDataUrl(file);
  } catch (error) {
    return { is: "unreadable", message: (error as Error).message };
  }
  const progress = (share: number) => tell(share < 1 ? { is: "sending", share } : { is: "checking" });
  const stem = nameOf(file.name);
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : numbered(stem, number);
    try {
      return { is: "done", name: await send({ name, imageData, progress, signal }) };
    } catch (error) {
      if (signal.aborted) return { is: "cancelled" };
      if (!(error instanceof ApiError)) return { is: "unknown" };
      const { code, field, message } = error;
      if (code !== "DUPLICATE_RESOURCE") return { is: "refused", message };
      if (field === "image_data") return { is: "same", message };
      if (number === NAMES_TRIED) return { is: "refused", message };
    }
  }
}

/** The name that a file gives its emoji: without its ending, and without what no name may have. */
export function nameOf(file: string): string {
  const stem = file.replace(/\.[^.]*$/, "").replace(/[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, " ");
  return [...stem.trim()].slice(0, NAME_CHARACTERS).join("").trim() || "emoji";
}

function numbered(name: string, number: number): string {
  const end = ` ${number}`;
  return (
    [...name]
      .slice(0, NAME_CHARACTERS - end.length)
      .join("")
      .trim() + end
  );
}

function asDataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

function sendTo(instanceId: string): Send {
  return ({ name, imageData, progress, signal }) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const input = { instanceId, name, imageData, refuseSameImage: true };
      request.open("POST", "/graphql");
      request.setRequestHeader("Content-Type", "application/json");
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("Accept-Language", language.get());
      request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
      request.onload = () => {
        try {
          resolve(addedIn(request));
        } catch (error) {
          reject(error);
        }
      };
      request.onerror = () => reject(new Error("no answer"));
      request.onabort = request.onerror;
      signal.addEventListener("abort", () => request.abort());
      request.send(JSON.stringify({ documentId: documentId(AddEmojiDocument), variables: { input } }));
    });
}

/** The name in an answer. */
function addedIn({ status, statusText, responseText }: XMLHttpRequest): string {
  const answer = answerIn(status, statusText, responseText);
  return dataOf<AddEmojiMutation>(answer).createEmoji?.emoji.name ?? "";
}
