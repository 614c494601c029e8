/** Reads a query, and reads it anew after each new connection, each `again` and each change of `state`. What was read
 * stays shown meanwhile. */
import { useCallback, useState, useSyncExternalStore } from "react";
import { createStore } from "../ui/store";
import { connections, query } from "./connection";
import type { Operation } from "./operation";

export interface Read<Result> {
  data: Result | undefined;
  error: Error | undefined;
  /** Whether `data` is what the present variables ask for: while other ones are read, the former stays shown. */
  current: boolean;
  again(): void;
}

interface Reading<Result> {
  data: Result | undefined;
  /** What `data` was asked with. */
  of: string;
  error: Error | undefined;
}

export function useQuery<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
  state?: string,
): Read<Result> {
  const key = JSON.stringify([variables, state]);
  const [reader] = useState(() => createReader(operation));
  const subscribe = useCallback((changed: () => void) => reader.watch(key, changed), [reader, key]);
  const { data, error, of } = useSyncExternalStore(subscribe, reader.get);
  return { data, error, current: of === key, again: reader.again };
}

function createReader<Result, Variables>(operation: Operation<Result, Variables>) {
  const found = createStore<Reading<Result>>({ data: undefined, of: "", error: undefined });
  let wanted = "";
  let last = 0;
  const read = () => {
    const own = ++last; // an answer may come after that to a later question
    const asked = wanted;
    const [variables] = JSON.parse(asked) as [Variables];
    query(operation, variables).then(
      (data) => own === last && found.set({ data, of: asked, error: undefined }),
      (error: Error) => own === last && found.set({ ...found.get(), error }),
    );
  };
  return {
    get: found.get,
    again: read,
    watch: (key: string, changed: () => void) => {
      wanted = key;
      const unwatch = found.subscribe(changed);
      const unlink = connections.subscribe(read);
      read();
      return () => {
        unwatch();
        unlink();
      };
    },
  };
}
