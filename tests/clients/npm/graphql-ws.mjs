// graphql-ws: every kind of operation over one socket, many at once, and with the parameters of a connection.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { collect, socketUrl, tryMutations, tryQueries, trySubscriptions } from "./scenario.mjs";

const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  lazy: false,
  keepAlive: 50,
  connectionParams: { anything: true },
});

// An operation that was not executed is an `error` message, which the iterator throws.
const subscribe = async (query, variables, count) => {
  try {
    return await collect(client.iterate({ query, variables }), count);
  } catch (errors) {
    if (!Array.isArray(errors)) throw errors;
    return [{ errors }];
  }
};
const execute = async (query, variables) => (await subscribe(query, variables, 2))[0];

await tryQueries("one", execute);
await tryMutations("one", execute);
await Promise.all([
  ...Array.from({ length: 20 }, () => tryQueries("many", execute)),
  ...Array.from({ length: 5 }, () => trySubscriptions("many", subscribe)),
]);
await client.dispose();
