// Apollo Client: by POST and by GET, subscriptions by WebSocket. Its own way of subscribing over HTTP, by multipart, is not
// offered: the answer says what is.
import assert from "node:assert/strict";
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client/core";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, FAIL, WATCH, socketUrl, tryMutations, tryQueries, trySubscriptions, url } from "./scenario.mjs";

globalThis.WebSocket ??= WebSocket; // as in a browser: Apollo asks for it although graphql-ws has been given one

const plain = ({ data, error }) => {
  if (error && !CombinedGraphQLErrors.is(error)) throw error;
  return { data, errors: error?.errors };
};

const execute = (client) => async (document, variables) => {
  const change = document === CREATE || document === FAIL;
  const asked = { variables, errorPolicy: "all", fetchPolicy: change ? "no-cache" : "network-only" };
  return plain(
    await (change ? client.mutate({ mutation: gql(document), ...asked }) : client.query({ query: gql(document), ...asked })),
  );
};

const subscribe = (client) => (document, variables, count) =>
  new Promise((resolve, reject) => {
    const seen = [];
    const watching = client.subscribe({ query: gql(document), variables, errorPolicy: "all" }).subscribe({
      next: (result) => {
        try {
          seen.push(plain(result));
        } catch (error) {
          reject(error);
        }
        if (seen.length < count) return;
        watching.unsubscribe();
        resolve(seen);
      },
      error: reject,
      complete: () => resolve(seen),
    });
  });

const client = (link) => new ApolloClient({ cache: new InMemoryCache(), link });
for (const useGETForQueries of [false, true]) {
  const over = client(new HttpLink({ uri: url, useGETForQueries }));
  await tryQueries(`GET: ${useGETForQueries}`, execute(over));
  await tryMutations(`GET: ${useGETForQueries}`, execute(over));
}

await assert.rejects(subscribe(client(new HttpLink({ uri: url })))(WATCH, {}, 1), (error) => {
  assert.equal(error.statusCode, 400);
  return /graphql-transport-ws.*text\/event-stream/.test(JSON.parse(error.bodyText).message);
});

const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket });
const overSocket = client(new GraphQLWsLink(socket));
await tryQueries("WebSocket", execute(overSocket));
await tryMutations("WebSocket", execute(overSocket));
await trySubscriptions("WebSocket", subscribe(overSocket));
await socket.dispose();
