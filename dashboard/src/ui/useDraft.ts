/** What is being typed into a form: kept in this tab, so that a reload, a lost server or a crash of the tab loses nothing. */
import { useState } from "react";

interface Draft<Value> {
  /** What is typed, or `current` as long as nothing was. */
  value: Value;
  /** Whether something was typed that is not saved. */
  changed: boolean;
  /** Whether a reload keeps it. A browser gives a tab a few MiB. */
  kept: boolean;
  change(part: Partial<Value>): void;
  /** What was typed is saved, or not wanted. */
  forget(): void;
}

/** `key` names the form. */
export function useDraft<Value extends object>(key: string, current: Value): Draft<Value> {
  const name = `mailauncher.draft.${key}`;
  const [typed, setTyped] = useState<Partial<Value> | null>(() => read(name));
  const [kept, setKept] = useState(true);
  const keep = (next: Partial<Value> | null) => {
    setTyped(next);
    setKept(store(name, next));
  };
  return {
    value: { ...current, ...typed },
    changed: typed !== null,
    kept,
    change: (part) => keep({ ...typed, ...part }),
    forget: () => keep(null),
  };
}

/** Whether there was room for it. If not, what was stored before stays. */
function store(name: string, typed: object | null): boolean {
  try {
    if (typed) sessionStorage.setItem(name, JSON.stringify(typed));
    else sessionStorage.removeItem(name);
    return true;
  } catch {
    return false;
  }
}

function read<Value>(name: string): Partial<Value> | null {
  return JSON.parse(sessionStorage.getItem(name) ?? "null") as Partial<Value> | null;
}
