import { afterEach, beforeEach, expect, test, vi } from "vitest";

vi.mock("../i18n/language", () => ({ language: { get: () => "en" } }));

interface Message {
  type: string;
  id?: string;
}

/** A socket as browsers have them: the handshake of closing takes a while, and what is sent meanwhile is an error. */
class Socket {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;
  static made: Socket[] = [];
  static sentTooLate: string[] = [];
  readyState = Socket.CONNECTING;
  onopen = () => {};
  onerror: (() => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  asked: Message[] = [];

  constructor() {
    Socket.made.push(this);
  }

  send(data: string) {
    if (this.readyState !== Socket.OPEN) Socket.sentTooLate.push(data);
    else this.asked.push(JSON.parse(data) as Message);
  }

  close(code = 1000, reason = "") {
    if (this.readyState === Socket.CONNECTING) throw new Error("closed before it was open");
    this.readyState = Socket.CLOSING;
    setTimeout(() => this.closed(code, reason));
  }

  closed(code: number, reason = "") {
    this.readyState = Socket.CLOSED;
    this.onclose?.(Object.assign(new Event("close"), { code, reason }));
  }

  open() {
    this.readyState = Socket.OPEN;
    this.onopen();
  }

  says(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  get questions() {
    return this.asked.filter(({ type }) => type === "subscribe");
  }

  answer() {
    for (const { id } of this.questions) {
      this.says({ id, type: "next", payload: { data: "answer" } });
      this.says({ id, type: "complete" });
    }
  }
}

const OPERATION = { __meta__: { hash: "id" } } as never;
const settled = () => new Promise((resolve) => setTimeout(resolve));

async function socket(number: number): Promise<Socket> {
  await vi.waitUntil(() => Socket.made.length >= number, { timeout: 4000 });
  return Socket.made[number - 1] as Socket;
}

async function connect(number: number): Promise<Socket> {
  const made = await socket(number);
  made.open();
  await settled(); // what it opens with is sent
  made.says({ type: "connection_ack" });
  await settled();
  return made;
}

let page: typeof import("./connection");

beforeEach(async () => {
  Socket.made = [];
  Socket.sentTooLate = [];
  vi.stubGlobal("location", { href: "http://localhost/" });
  vi.stubGlobal("WebSocket", Socket);
  vi.resetModules();
  page = await import("./connection");
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test("what is asked while a socket is ended is sent on the next one", async () => {
  const first = await connect(1);
  const before = page.query(OPERATION, {});
  page.reconnect();
  const after = page.query(OPERATION, {});
  const second = await connect(2);
  expect(first.readyState).not.toBe(Socket.OPEN);
  expect(Socket.sentTooLate).toEqual([]);
  second.answer();
  expect(await Promise.all([before, after])).toEqual(["answer", "answer"]);
});

test("what waits for a socket that is ended while it opens is sent on the next one", async () => {
  const waiting = page.query(OPERATION, {});
  const first = await socket(1);
  page.reconnect();
  await settled();
  first.open();
  first.says({ type: "connection_ack" });
  const second = await connect(2);
  expect(Socket.sentTooLate).toEqual([]);
  expect(first.questions).toEqual([]);
  second.answer();
  expect(await waiting).toBe("answer");
});

test("what is asked in the promises before a socket is ended, as by the answer to a request, is not sent too late", async () => {
  await connect(1);
  const asked = page.query(OPERATION, {});
  await Promise.resolve(); // the client has looked whether the socket is open
  page.reconnect();
  const second = await connect(2);
  expect(Socket.sentTooLate).toEqual([]);
  second.answer();
  expect(await asked).toBe("answer");
});

test("a socket that answers no ping is ended, and what was asked is asked again", async () => {
  vi.useFakeTimers();
  try {
    const first = await socket(1);
    first.open();
    await vi.advanceTimersByTimeAsync(0);
    first.says({ type: "connection_ack" });
    const asked = page.query(OPERATION, {});
    await vi.advanceTimersByTimeAsync(13_000);
    expect(page.connection.get().is).toBe("lost");
    await vi.advanceTimersByTimeAsync(2000);
    const second = Socket.made[1] as Socket;
    second.open();
    await vi.advanceTimersByTimeAsync(0);
    second.says({ type: "connection_ack" });
    await vi.advanceTimersByTimeAsync(0);
    expect(page.connection.get().is).toBe("connected");
    expect(Socket.sentTooLate).toEqual([]);
    second.answer();
    expect(await asked).toBe("answer");
  } finally {
    vi.useRealTimers();
  }
});

test("what is asked while nobody is signed in is answered once somebody is", async () => {
  const first = await socket(1);
  first.open();
  first.closed(4403, "a token is needed");
  await settled();
  expect(page.connection.get()).toEqual({ is: "refused", message: "a token is needed" });
  const asked = page.query(OPERATION, {});
  await settled();
  expect(Socket.made.length).toBe(1);
  page.reconnect();
  const second = await connect(2);
  await settled();
  expect(Socket.made.length).toBe(2);
  expect(page.connection.get().is).toBe("connected");
  second.answer();
  expect(await asked).toBe("answer");
});

test.each([1011, 1009, 4500])(
  "a page whose socket ends with %i connects again, and can do so anew",
  async (code) => {
    const first = await connect(1);
    first.closed(code);
    expect(page.connection.get().is).toBe("lost");
    const asked = page.query(OPERATION, {});
    const second = await connect(2);
    expect(page.connection.get().is).toBe("connected");
    second.answer();
    expect(await asked).toBe("answer");
    page.reconnect();
    await connect(3);
    expect(page.connection.get().is).toBe("connected");
    expect(Socket.made.map(({ readyState }) => readyState)).toEqual([
      Socket.CLOSED,
      Socket.CLOSED,
      Socket.OPEN,
    ]);
  },
);

test("what waits for an answer when the server ends a silent socket is asked again, but for commands", async () => {
  const first = await connect(1);
  const asked = page.query(OPERATION, { a: 1 });
  const ordered = page.command(OPERATION, { b: 2 });
  const stop = page.stream(OPERATION, { c: 3 }, { next: () => {}, error: () => {}, complete: () => {} });
  await settled();
  stop();
  expect(first.questions.length).toBe(3);
  first.closed(1011);
  await expect(ordered).rejects.toThrow("connection was lost");
  const second = await connect(2);
  expect(second.questions.length).toBe(1);
  second.answer();
  expect(await asked).toBe("answer");
});
