// urql: by POST and by GET, subscriptions by server-sent events and by WebSocket.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, FAIL, socketUrl, tryMutations, tryQueries, trySubscriptions, url } from "./scenario.mjs";

const plain = ({ data, error }) => ({ data, errors: error?.graphQLErrors });

const execute = (client) => async (document, variables) => {
  const change = document === CREATE || document === FAIL;
  const result = await (change ? client.mutation(document, variables) : client.query(document, variables));
  if (result.error?.networkError) throw result.error.networkError;
  return plain(result);
};

const subscribe = (client) => (document, variables, count) =>
  new Promise((resolve) => {
    const seen = [];
    const { unsubscribe } = client.subscription(document, variables).subscribe((result) => {
      seen.push(plain(result));
      if (seen.length === count || result.error || !result.hasNext) {
        setTimeout(() => unsubscribe());
        resolve(seen);
      }
    });
  });

for (const preferGetMethod of [false, "force"]) {
  const client = new Client({ url, preferGetMethod, exchanges: [fetchExchange], fetchSubscriptions: true });
  await tryQueries(`GET: ${preferGetMethod}`, execute(client));
  await tryMutations(`GET: ${preferGetMethod}`, execute(client));
  await trySubscriptions(`SSE, GET: ${preferGetMethod}`, subscribe(client));
}

const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket });
const forwardSubscription = ({ query, variables }) => ({
  subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
});
const overSocket = new Client({ url, exchanges: [subscriptionExchange({ forwardSubscription })] });
await trySubscriptions("WebSocket", subscribe(overSocket));
await socket.dispose();
