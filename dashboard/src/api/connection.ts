/**
 * The one socket of a page: queries, commands and subscriptions go through it, so that there is one place which knows
 * whether the server is there.
 */
import { type ClientOptions, createClient, TerminatedCloseEvent } from "graphql-ws";
import { language } from "../i18n/language";
import { createStore, type Store } from "../ui/store";
import { ApiError, dataOf, errorIn, UnknownOutcome } from "./errors";
import { isLarge, post } from "./large";
import { documentId, type Operation } from "./operation";

const RETRY_MS = [200, 400, 800, 1000];
const AGAIN_MS = 1000;
const KEEP_ALIVE_MS = 10_000;
const ALIVE_WITHIN_MS = 3000;
/** With which the server ends a socket that answers none of its own pings, as after a sleep. */
const SILENT = 1011;

type State =
  | { is: "connecting" }
  | { is: "connected" }
  | { is: "lost"; since: number }
  | { is: "refused"; message: string };

export const connection = createStore<State>({ is: "connecting" });

/** How often the page has been connected: what was read before the last time may be out of date. */
export const connections = createStore(0);

/** The socket, while it is open. */
let socket: WebSocket | undefined;
/** Whether another socket was asked for, and is not made yet. */
let renewing = false;
let alive: ReturnType<typeof setTimeout> | undefined;
/** How long the next socket waits, if it is the first one of its client. */
let pauseMs = 0;

const OPTIONS: ClientOptions = {
  url: async () => {
    if (pauseMs > 0) await wait(pauseMs);
    pauseMs = 0;
    return new URL("/graphql", location.href.replace(/^http/, "ws")).href;
  },
  lazy: false,
  keepAlive: KEEP_ALIVE_MS,
  retryAttempts: Number.POSITIVE_INFINITY,
  // An error that is no event of the socket would come again at once, without end.
  shouldRetry: (error) => error instanceof Event || error instanceof TerminatedCloseEvent,
  retryWait: (tries) => {
    if (connection.get().is === "refused") return changeOf(connection);
    return wait(renewing ? 0 : (RETRY_MS[tries] ?? 1000) * (0.7 + 0.6 * Math.random()));
  },
  connectionParams: () => ({ acceptLanguage: language.get() }),
  // Whatever `shouldRetry` says, a client gives up at some codes; what it was asked has failed by then.
  onNonLazyError: () => {
    pauseMs = AGAIN_MS;
    client = createClient(OPTIONS);
  },
  on: {
    connecting: () => {
      renewing = false;
    },
    opened: (opened) => {
      socket = opened as WebSocket;
      if (renewing) terminate();
    },
    connected: () => {
      connection.set({ is: "connected" });
      connections.set(connections.get() + 1);
    },
    // A machine that slept, or a network that is gone, closes nothing.
    ping: (received) => {
      if (!received) alive = setTimeout(terminate, ALIVE_WITHIN_MS);
    },
    pong: (received) => {
      if (received) clearTimeout(alive);
    },
    closed: (event) => {
      clearTimeout(alive);
      socket = undefined;
      if (renewing) return;
      const { code, reason } = event as CloseEvent;
      const before = connection.get();
      if (code === 4403) connection.set({ is: "refused", message: reason });
      else if (before.is !== "lost") connection.set({ is: "lost", since: Date.now() });
    },
  },
};
// No client is disposed of: what is asked of it then never ends. Its sockets are ended in tasks of their own, see `terminate`.
let client = createClient(OPTIONS);

/** Connects anew, with another token or in another language. What was asked and has no answer yet is asked again. */
export function reconnect(): void {
  renewing = true;
  connection.set({ is: "connecting" });
  setTimeout(() => renewing && terminate());
}

/** Ends the socket, at the beginning of a task: the client looks whether it is open some promises before it sends, so
 * whoever ends it between these lets it send on a closed one. */
function terminate(): void {
  if (socket) client.terminate();
}

/** The answer to a query. It is asked again if the connection is lost meanwhile. */
export function query<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  return isLarge(variables) ? patiently(operation, variables) : once(operation, variables);
}

async function patiently<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  for (;;) {
    try {
      return await post(operation, variables);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await wait(AGAIN_MS); // the server is gone
    }
  }
}

/**
 * The answer to a command, which is sent once only: if the connection is lost before the answer comes, the promise fails
 * with `UnknownOutcome`, and the state tells what became of it.
 */
export function command<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  if (connection.get().is !== "connected") return Promise.reject(new UnknownOutcome());
  if (isLarge(variables))
    return post(operation, variables).catch((error: Error) => {
      throw error instanceof TypeError ? new UnknownOutcome() : error;
    });
  return new Promise((resolve, reject) => {
    const unwatch = connection.subscribe(() => {
      if (connection.get().is === "connected") return;
      unwatch();
      stop();
      reject(new UnknownOutcome());
    });
    const stop = send<Result>(operation, variables, {
      next: resolve,
      error: (error) => {
        unwatch();
        reject(error);
      },
      complete: unwatch,
    });
  });
}

/** Calls `next` with each event until the returned function is called. It is subscribed again after a lost connection, with
 * the variables that it then has. */
export function subscribe<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: () => Variables,
  next: (event: Result) => void,
  failed: (error: Error) => void = () => {},
): () => void {
  let stop = () => {};
  let stopped = false;
  const begin = () => {
    stop();
    if (stopped || connection.get().is !== "connected") return;
    stop = send<Result>(operation, variables(), { next, error: failed, complete: () => {} });
  };
  const unwatch = connections.subscribe(begin);
  begin();
  return () => {
    stopped = true;
    unwatch();
    stop();
  };
}

/** Calls the sink with each event of a subscription that ends by itself. After a lost connection it begins again. */
export function stream<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
  sink: Sink<Result>,
): () => void {
  let stopped = false;
  let stop = () => {};
  const begin = () => {
    stop = send<Result>(operation, variables, {
      ...sink,
      error: (error) => {
        if (!(error instanceof UnknownOutcome)) sink.error(error);
        else if (!stopped) begin();
      },
    });
  };
  begin();
  return () => {
    stopped = true;
    stop();
  };
}

interface Sink<Result> {
  next(result: Result): void;
  error(error: Error): void;
  complete(): void;
}

function once<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    stream(operation, variables, { next: resolve, error: reject, complete: () => {} });
  });
}

function send<Result>(operation: object, variables: unknown, sink: Sink<Result>): () => void {
  // The client library insists on a query; the server takes an empty one as none.
  const payload = {
    query: "",
    documentId: documentId(operation),
    variables: variables as Record<string, unknown>,
  };
  const begin = () =>
    client.subscribe(payload, {
      next: (answer) => {
        try {
          sink.next(dataOf<Result>(answer));
        } catch (error) {
          sink.error(error as Error);
        }
      },
      error: (error) => sink.error(asError(error)),
      complete: () => sink.complete(),
    });
  // A client that is about to give up would open a socket beside that of the next one.
  return whenConnected(begin);
}

function whenConnected(begin: () => () => void): () => void {
  if (connection.get().is === "connected") return begin();
  let stop = connection.subscribe(() => {
    if (connection.get().is !== "connected") return;
    stop();
    stop = begin();
  });
  return () => stop();
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  if ((error as Partial<CloseEvent>).code === SILENT) return new UnknownOutcome();
  const told = Array.isArray(error) ? errorIn({ errors: error }) : undefined;
  return told ?? new ApiError("The connection was closed", "CONNECTION_FAILED");
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function changeOf(store: Store<State>): Promise<void> {
  return new Promise((resolve) => {
    const unwatch = store.subscribe(() => {
      unwatch();
      resolve();
    });
  });
}
