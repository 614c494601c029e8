/** The database of the server, which is asked now and then whether it answers. */
import { connections, query } from "../api/connection";
import { isDenied } from "../api/errors";
import { DatabaseDocument, type DatabaseNowFragment } from "../gql/graphql";
import { createStore } from "../ui/store";

const ASK_MS = 10_000;

export const database = createStore<{ now?: DatabaseNowFragment; error?: Error }>({});
let asking = false;

export function followDatabase(): () => void {
  const unlink = connections.subscribe(askDatabase);
  // A key that may not know gets no other answer until there is another one, with another connection.
  const timer = setInterval(() => isDenied(database.get().error) || askDatabase(), ASK_MS);
  askDatabase();
  return () => {
    clearInterval(timer);
    unlink();
  };
}

export function askDatabase(): void {
  if (asking) return; // it may take longer than the time between two questions
  asking = true;
  query(DatabaseDocument, {})
    .then(
      ({ systemDatabase }) => database.set({ now: systemDatabase }),
      (error: Error) => database.set({ ...database.get(), error }),
    )
    .finally(() => {
      asking = false;
    });
}
