/** The explorer at `/graphql`: GraphiQL over this server's own socket and HTTP, without any other host. */
import "../nonce";
import "./workers";
import "./markdown";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import { createClient } from "graphql-ws";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import EXAMPLES from "../../../schema/examples.graphql?raw";
import "./explorer.css";
import { Admitted } from "./Token";

// A browser that has signed in sends its cookie along, over HTTP and the socket.
const fetcher = createGraphiQLFetcher({
  url: "/graphql",
  wsClient: createClient({ url: new URL("/graphql", location.href.replace(/^http/, "ws")).href }),
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Admitted>
        <GraphiQL fetcher={fetcher} initialQuery={EXAMPLES} shouldPersistHeaders={false}>
          <GraphiQL.Logo>
            <a href="/">MaiLauncher</a>
          </GraphiQL.Logo>
        </GraphiQL>
      </Admitted>
    </StrictMode>,
  );
}
