/**
 * A viewer's connection to a terminal. It comes back by itself, at the byte where it was.
 *
 * A browser cannot ask a socket to wait. So a terminal that prints faster than this page can draw is left when too much
 * waits, and joined again at its end once what waited is drawn: what lies between is counted and told, and is in the log.
 */

export type LinkState = "connecting" | "connected" | "lost";

export interface Screen {
  /** Draws output and calls `drawn` when that is done. */
  write(data: string, drawn: () => void): void;
  resized(columns: number, rows: number): void;
  skipped(bytes: number): void;
  changed(state: LinkState): void;
}

export interface Link {
  input(data: string): void;
  resize(columns: number, rows: number): void;
  close(): void;
}

const WAITING_MAX = 2 << 20;
const RETRY_MS = [200, 400, 800, 1000];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Message =
  | { type: "output"; data: string; offset: number }
  | { type: "resize"; cols: number; rows: number }
  | { type: "status" | "error" | "pong" | "history_logs" };

export function connect(sessionId: string, screen: Screen): Link {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  let closed = false;
  let waiting = 0;
  let end: number | undefined; // offset of the next byte
  let jumped = false;
  let size: [number, number] | undefined;

  const send = (message: object) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  const output = (all: string, from: number) => {
    if (jumped && end !== undefined && from > end) screen.skipped(from - end);
    jumped = false;
    // A new connection begins with recent output, part of which may be drawn already.
    const drawn = Math.max(0, (end ?? from) - from);
    const data = drawn === 0 ? all : decoder.decode(encoder.encode(all).subarray(drawn));
    const offset = from + drawn;
    const bytes = encoder.encode(data).length;
    end = offset + bytes;
    waiting += bytes;
    screen.write(data, () => {
      waiting -= bytes;
      if (waiting === 0 && jumped) open();
    });
    if (waiting > WAITING_MAX) {
      jumped = true;
      leave();
    }
  };

  const leave = () => {
    if (!socket) return;
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    socket = undefined;
  };

  const open = () => {
    if (closed || socket) return;
    const after = end === undefined || jumped ? "" : `?after=${end}`;
    socket = new WebSocket(
      new URL(`/ws/${encodeURIComponent(sessionId)}${after}`, location.href.replace(/^http/, "ws")),
    );
    socket.onopen = () => {
      tries = 0;
      screen.changed("connected");
      if (size) send({ type: "resize", cols: size[0], rows: size[1] });
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      const message = JSON.parse(event.data) as Message;
      if (message.type === "output") output(message.data, message.offset);
      else if (message.type === "resize") screen.resized(message.cols, message.rows);
    };
    socket.onclose = () => {
      socket = undefined;
      if (closed) return;
      screen.changed("lost");
      timer = setTimeout(open, (RETRY_MS[tries++] ?? 1000) * (0.7 + 0.6 * Math.random()));
    };
  };

  screen.changed("connecting");
  open();
  return {
    input: (data) => send({ type: "input", data }),
    resize: (columns, rows) => {
      size = [columns, rows];
      send({ type: "resize", cols: columns, rows });
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      leave();
    },
  };
}
