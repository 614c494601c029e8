/** One viewer of a terminal: its connection, what comes, what is typed, and who drives. How it is shown is up to the screen. */
import { query } from "../api/connection";
import { TerminalEndDocument } from "../gql/graphql";
import { createStore, type Store } from "../ui/store";
import { BEHIND_MAX, createFlow } from "./flow";
import { connect, type LinkState, type Message } from "./link";
import { createTyping } from "./typing";

export interface View {
  readonly link: LinkState;
  /** The error that ended the last connection, such as that the terminal is gone. */
  readonly error: string | undefined;
  readonly driver: "unknown" | "nobody" | "you" | "other";
  /** Characters that have been typed and are not known to have arrived. */
  readonly waiting: number;
  readonly untyped: { data: string; why: string } | undefined;
  readonly uncertain: string | undefined;
  /** What was left out since the reader was last told, and where that begins. */
  readonly skipped: { bytes: number; from: number } | undefined;
  /** Lines that came while the screen is held; undefined while it is not. */
  readonly unread: number | undefined;
}

export interface Screen {
  /** Draws output that ends at an offset. `before`: bytes that were left out in front of it. */
  write(bytes: Uint8Array, end: number, before: number, drawn: () => void): void;
  resized(columns: number, rows: number): void;
  /** The log has lost output that is shown. What it has follows. */
  forget(): void;
}

export interface Session {
  readonly view: Store<View>;
  type(data: string): void;
  takeOver(): void;
  resize(columns: number, rows: number): void;
  /** While it is held, nothing is drawn. */
  hold(held: boolean): void;
  change(part: Partial<View>): void;
  close(): void;
}

const LOOK_MS = 500;
const MUCH = 128 << 10; // bytes in that time, from which on this viewer may be behind

const NEW: View = {
  link: "connecting",
  error: undefined,
  driver: "unknown",
  waiting: 0,
  untyped: undefined,
  uncertain: undefined,
  skipped: undefined,
  unread: undefined,
};

export function openSession(sessionId: string, screen: Screen): Session {
  const view = createStore(NEW);
  const change = (part: Partial<View>) => view.set({ ...view.get(), ...part });
  let size: [number, number] | undefined;
  let gap = 0;
  let jumping = false; // to the recent output
  let seen = 0;

  const flow = createFlow({
    write: (bytes, end, drawn) => {
      screen.write(bytes, end, gap, drawn);
      gap = 0;
    },
    skipped: (bytes, from) => {
      gap += bytes;
      const before = view.get().skipped;
      change({ skipped: { bytes: bytes + (before?.bytes ?? 0), from: before?.from ?? from } });
    },
    unread: (unread) => change({ unread }),
  });
  const typing = createTyping(newViewer(), (message) => link.send(message), {
    waiting: (waiting) => waiting !== view.get().waiting && change({ waiting }),
    refused: (data, why) => change({ untyped: { data, why } }),
    uncertain: (data) => change({ uncertain: data }),
  });

  const forget = () => {
    flow.forget();
    screen.forget();
    gap = 0;
    seen = 0;
    change({ skipped: undefined });
  };
  const opened = () => {
    change({ link: "connected", error: undefined });
    if (size) link.send({ type: "resize", cols: size[0], rows: size[1] });
    link.send({ type: "driver" });
    typing.opened();
  };
  const answered = (message: Message) => {
    typing.answered(message);
    if (message.type === "resize") screen.resized(message.cols, message.rows);
    else if (message.type === "driver") change({ driver: whoDrives(message.connection, message.driver) });
    else if (message.type === "error" && message.seq === undefined) {
      change({ error: message.message });
      if (message.code === "INVALID_PARAMETER") forget(); // after a power cut: the log ends before our offset
    }
  };
  const link = connect(sessionId, {
    after: () => (jumping ? undefined : flow.end()),
    output: (bytes, offset) => {
      jumping = false;
      flow.take(bytes, offset);
    },
    message: answered,
    state: (state) => {
      if (state === "connected") opened();
      else {
        change({ link: state, driver: "unknown" });
        if (state === "lost") typing.closed();
      }
    },
  });

  // What a slow network, or a busy machine, still has to bring cannot be seen from here; the server knows where the end is.
  const look = async () => {
    const end = flow.end() ?? 0;
    const busy = end - seen > MUCH;
    seen = end;
    if (!busy || jumping || view.get().unread !== undefined) return;
    const { terminal } = await query(TerminalEndDocument, { sessionId });
    if (jumping || view.get().unread !== undefined) return;
    if ((terminal?.end ?? 0) - (flow.end() ?? 0) > BEHIND_MAX) {
      jumping = true;
      link.again();
    }
  };
  const looks = setInterval(() => void look().catch(() => {}), LOOK_MS); // one that fails is followed by another

  return {
    view,
    change,
    type: (data) => {
      if (view.get().untyped || view.get().uncertain) change({ untyped: undefined, uncertain: undefined });
      typing.type(data);
    },
    takeOver: () => link.send({ type: "take_over" }),
    resize: (columns, rows) => {
      size = [columns, rows];
      link.send({ type: "resize", cols: columns, rows });
    },
    hold: (held) => {
      change({ unread: held ? (view.get().unread ?? 0) : undefined });
      flow.hold(held);
    },
    close: () => {
      clearInterval(looks);
      link.close();
    },
  };
}

/** A random id. `crypto.randomUUID` is not there on pages that came over plain HTTP. */
function newViewer(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

function whoDrives(self: string, driver: string | null): View["driver"] {
  if (driver === null) return "nobody";
  return driver === self ? "you" : "other";
}
