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
  /** Whether it was done. */
  run<Result, Variables>(
    name: string,
    operation: Operation<Result, Variables>,
    variables: Variables,
  ): Promise<boolean>;
}

export function useCommands(): Commands {
  const text = useText();
  const [running, setRunning] = useState(0);
  const connected = useStore(connection).is === "connected";
  return {
    busy: running > 0,
    refused: connected ? undefined : text("do.disconnected"),
    run: async (name, operation, variables) => {
      setRunning((count) => count + 1);
      try {
        const result = await command(operation, variables);
        tell(text("do.result", { name, message: messageOf(result) }));
        return true;
      } catch (error) {
        if (error instanceof UnknownOutcome) tell(text("do.unknown", { name }), true);
        else tell(text("do.result", { name, message: (error as Error).message }), true);
        return false;
      } finally {
        setRunning((count) => count - 1);
      }
    },
  };
}

/** Every command answers with one payload that says in words what was done. */
function messageOf(result: unknown): string {
  const [payload] = Object.values(result as Record<string, { message?: string } | null>);
  return payload?.message ?? "";
}
