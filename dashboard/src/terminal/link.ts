/** The socket of one viewer of a terminal. It comes back by itself, at the byte where the viewer is. */

export type LinkState = "connecting" | "connected" | "lost";

/** What a server says beside output; docs/reference/terminals.md lists it. */
export type Message =
  | { type: "resize"; cols: number; rows: number }
  | { type: "driver"; connection: string; driver: string | null }
  | { type: "input_ack"; seq: number; held: number | null }
  | { type: "error"; message: string; code: string; seq?: number }
  | { type: "status" | "pong" | "history_logs" };

export interface Listener {
  /** The offset to continue at; undefined: with the recent output. */
  after(): number | undefined;
  state(state: LinkState): void;
  output(bytes: Uint8Array, offset: number): void;
  message(message: Message): void;
}

export interface Link {
  /** Sends a message if the socket is open; what is not sent is lost. */
  send(message: object): void;
  /** Connects anew at once, and drops what is on its way. */
  again(): void;
  close(): void;
}

const PROTOCOL = "mailauncher.terminal.v1";
const OFFSET_BYTES = 8;
const RETRY_MS = [200, 400, 800, 1000];
const PING_MS = 5000;

export function connect(sessionId: string, listener: Listener): Link {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  let heard = true; // anything since the last ping

  const open = () => {
    const after = listener.after();
    const address = new URL(`/ws/${encodeURIComponent(sessionId)}`, location.href.replace(/^http/, "ws"));
    if (after !== undefined) address.searchParams.set("after", String(after));
    socket = new WebSocket(address, [PROTOCOL]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      tries = 0;
      heard = true;
      listener.state("connected");
    };
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      heard = true;
      if (typeof data === "string") listener.message(JSON.parse(data) as Message);
      else {
        const offset = Number(new DataView(data).getBigUint64(0));
        listener.output(new Uint8Array(data, OFFSET_BYTES), offset);
      }
    };
    socket.onclose = lost;
  };

  const leave = () => {
    clearTimeout(timer);
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
    socket = undefined;
  };

  const lost = () => {
    leave();
    listener.state("lost");
    timer = setTimeout(open, (RETRY_MS[tries++] ?? 1000) * (0.7 + 0.6 * Math.random()));
  };

  const send = (message: object) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  // A network that is gone closes nothing, and neither does a machine that slept.
  const pings = setInterval(() => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (!heard) return lost();
    heard = false;
    send({ type: "ping" });
  }, PING_MS);

  listener.state("connecting");
  open();
  return {
    send,
    again: () => {
      if (!socket) return; // it is about to
      leave();
      open();
    },
    close: () => {
      clearInterval(pings);
      clearTimeout(timer);
      leave();
    },
  };
}
