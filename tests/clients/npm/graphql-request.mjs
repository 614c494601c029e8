// graphql-request: by POST and by GET.
import { ClientError, GraphQLClient } from "graphql-request";
import { tryMutations, tryQueries, url } from "./scenario.mjs";

const execute = (client) => async (document, variables) => {
  try {
    return { data: await client.request(document, variables) };
  } catch (error) {
    if (!(error instanceof ClientError) || !error.response.errors) throw error;
    return { data: error.response.data, errors: error.response.errors };
  }
};

await tryQueries("POST", execute(new GraphQLClient(url)));
await tryMutations("POST", execute(new GraphQLClient(url)));
await tryQueries("GET", execute(new GraphQLClient(url, { method: "GET" })));
