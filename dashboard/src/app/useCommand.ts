/** Carries a command out and tells what came of it. */
import { useState } from "react";
import { command, connection } from "../api/connection";
import { UnknownOutcome } from "../api/errors";
import type { Operation } from "../api/operation";
import { useText } from "../i18n/text";
import { useStore } from "../ui/store";
import { tell } from "./toasts";

export interface Commands {
  /** Whether one of this component's commands is under way. */
  busy: boolean;
  /** Why nothing can be done now; undefined if it can. */
  refused: string | undefined;
  /** Is `busy` until the promise is settled. */
  during<Result>(work: Promise<Result>): Promise<Result>;
  /** Whether it was done. A failure is told. */
  attempt(name: string, work: Promise<unknown>): Promise<boolean>;
  /** Whether it was done. What came of it is told, and passed on. */
  run<Result, Variables>(
    name: string,
    operation: Operation<Result, Variables>,
    variables: Variables,
    done?: (result: Result) => void,
  ): Promise<boolean>;
}

export function useCommands(): Commands {
  const text = useText();
  const [running, setRunning] = useState(0);
  const connected = useStore(connection).is === "connected";
  const during = <Result>(work: Promise<Result>): Promise<Result> => {
    setRunning((count) => count + 1);
    return work.finally(() => setRunning((count) => count - 1));
  };
  const attempt = async (name: string, work: Promise<unknown>): Promise<boolean> => {
    try {
      await during(work);
      return true;
    } catch (error) {
      if (error instanceof UnknownOutcome) tell(text("do.unknown", { name }), true);
      else tell(text("do.result", { name, message: (error as Error).message }), true);
      return false;
    }
  };
  return {
    busy: running > 0,
    refused: connected ? undefined : text("do.disconnected"),
    during,
    attempt,
    run: (name, operation, variables, done) =>
      attempt(
        name,
        command(operation, variables).then((result) => {
          tell(text("do.result", { name, message: messageOf(result) }));
          done?.(result);
        }),
      ),
  };
}

/** Every command answers with one payload that says in words what was done. */
function messageOf(result: unknown): string {
  const [payload] = Object.values(result as Record<string, { message?: string } | null>);
  return payload?.message ?? "";
}
