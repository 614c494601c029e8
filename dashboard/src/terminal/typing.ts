/**
 * What is typed into a terminal, numbered, so that it arrives once and in order whatever becomes of the connection and of the
 * server. It is sent ahead, and kept until the process that holds the terminal has it.
 *
 * Before anything is sent again, that process is asked what it has: `seq` 0 types nothing. Its answer comes after the answers to
 * all that was sent before over the same connection.
 */
import type { Message } from "./link";

const KEPT_MAX = 1 << 20; // characters
const PART = 64 << 10;
const AGAIN_MS = 500;

export interface Told {
  /** How many characters are not yet known to have arrived. */
  waiting(characters: number): void;
  /** Input that was not typed, and why. */
  refused(data: string, why: string): void;
  /** Input of which nobody knows whether it was typed. It is not sent again. */
  uncertain(data: string): void;
}

export interface Typing {
  type(data: string): void;
  opened(): void;
  closed(): void;
  /** Takes the answers to input; others are left alone. */
  answered(message: Message): void;
}

interface Item {
  seq: number;
  data: string;
  /** The connection over which it was sent last. 0: none. */
  sentOver: number;
}

export function createTyping(viewer: string, send: (message: object) => void, told: Told): Typing {
  let items: Item[] = [];
  let typed = 0; // the last number that is known to have been typed
  let connection = 0;
  let state: "closed" | "asking" | "sending" = "closed";

  const transmit = (seq: number, data: string) => send({ type: "input", viewer, seq, data });
  const ask = () => {
    if (state === "closed") return;
    state = "asking";
    transmit(0, "");
  };
  const askLater = () => {
    const asked = connection;
    state = "asking";
    setTimeout(() => asked === connection && ask(), AGAIN_MS);
  };
  const sendAll = () => {
    state = "sending";
    for (const item of items) {
      item.sentOver = connection;
      transmit(item.seq, item.data);
    }
  };
  const keep = (wanted: (item: Item) => boolean) => {
    const left = items.filter((item) => !wanted(item));
    items = items.filter(wanted);
    told.waiting(items.reduce((sum, item) => sum + item.data.length, 0));
    return left;
  };

  /** Goes on after what the terminal holds. `null`: it cannot tell, and would type again what is sent again. */
  const resume = (held: number | null) => {
    if (held === null || held < typed) {
      const unknown = keep((item) => item.sentOver === 0 || (held !== null && item.sentOver === connection));
      if (unknown.length) told.uncertain(unknown.map((item) => item.data).join(""));
    } else keep((item) => item.seq > held);
    typed = held ?? typed;
    for (const [index, item] of items.entries()) item.seq = typed + 1 + index;
    sendAll();
  };

  return {
    type: (data) => {
      const kept = items.reduce((sum, item) => sum + item.data.length, 0);
      if (kept + data.length > KEPT_MAX) return told.refused(data, "");
      for (const part of parts(data)) {
        const item = { seq: (items.at(-1)?.seq ?? typed) + 1, data: part, sentOver: 0 };
        items.push(item);
        if (state === "sending") {
          item.sentOver = connection;
          transmit(item.seq, part);
        }
      }
      told.waiting(kept + data.length);
    },
    opened: () => {
      connection += 1;
      state = "sending";
      if (items.length) ask();
    },
    closed: () => {
      state = "closed";
    },
    answered: (message) => {
      if (message.type === "input_ack") {
        if (message.seq === 0) resume(message.held);
        else {
          const now = message.held ?? message.seq;
          typed = Math.max(typed, now);
          keep((item) => item.seq > now);
        }
      } else if (message.type === "error" && message.seq !== undefined) {
        if (message.code === "CONNECTION_FAILED" || message.seq === 0) return askLater();
        if (message.code !== "CONFLICT") {
          const [refused] = keep((item) => item.seq !== message.seq);
          if (refused) told.refused(refused.data, message.message);
        }
        if (state === "sending") ask();
      }
    },
  };
}

/** In pieces that a message can hold, none of which ends within a character. */
function* parts(data: string): Generator<string> {
  for (let start = 0; start < data.length; ) {
    let end = Math.min(start + PART, data.length);
    if (end < data.length && /[\ud800-\udbff]/.test(data[end - 1] ?? "")) end -= 1;
    yield data.slice(start, end);
    start = end;
  }
}
