/** Edits many rows with as many commands as that takes. */
import type { Operation } from "../api/operation";
import { useCommands } from "../app/useCommand";
import { useNumbers } from "../i18n/numbers";
import { portions } from "./portions";
import { useResourceText } from "./texts";

export function useBulk() {
  const text = useResourceText();
  const numbers = useNumbers();
  const { run, busy, refused } = useCommands();
  /** Whether all were edited. It stops at the first command that fails, which is told; what was done before stays done. */
  const edit = async <Result, Variables>(
    ids: readonly string[],
    operation: Operation<Result, Variables>,
    variablesOf: (some: readonly string[]) => Variables,
    done?: (result: Result) => void,
  ): Promise<boolean> => {
    for (const some of portions(ids)) {
      const name = text("select.count", { count: numbers.count(some.length) });
      if (!(await run(name, operation, variablesOf(some), done))) return false;
    }
    return true;
  };
  return { edit, busy, refused };
}
