/** What is being typed into a form: kept in this tab, so that a reload, a lost server or a crash of the tab loses nothing. */
import { useState } from "react";

interface Draft<Value> {
  /** What is typed, or `current` as long as nothing was. */
  value: Value;
  /** Whether something was typed that is not saved. */
  changed: boolean;
  change(part: Partial<Value>): void;
  /** What was typed is saved, or not wanted. */
  forget(): void;
}

/** `key` names the form. */
export function useDraft<Value extends object>(key: string, current: Value): Draft<Value> {
  const name = `mailauncher.draft.${key}`;
  const [typed, setTyped] = useState<Partial<Value> | null>(() => read(name));
  const keep = (next: Partial<Value> | null) => {
    if (next) sessionStorage.setItem(name, JSON.stringify(next));
    else sessionStorage.removeItem(name);
    setTyped(next);
  };
  return {
    value: { ...current, ...typed },
    changed: typed !== null,
    change: (part) => keep({ ...typed, ...part }),
    forget: () => keep(null),
  };
}

function read<Value>(name: string): Partial<Value> | null {
  return JSON.parse(sessionStorage.getItem(name) ?? "null") as Partial<Value> | null;
}
