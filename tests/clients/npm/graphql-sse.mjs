// graphql-sse: every kind of operation in its distinct connections mode.
import { createClient } from "graphql-sse";
import { collect, tryMutations, tryQueries, trySubscriptions, url } from "./scenario.mjs";

const client = createClient({ url, singleConnection: false, retryAttempts: 0 });
const subscribe = (query, variables, count) => collect(client.iterate({ query, variables }), count);
const execute = async (query, variables) => (await subscribe(query, variables, 2))[0];

await tryQueries("distinct", execute);
await tryMutations("distinct", execute);
await trySubscriptions("distinct", subscribe);
client.dispose();
