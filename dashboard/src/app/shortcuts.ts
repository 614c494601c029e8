/** The keys of the pages. None is caught while somebody types in a terminal or a field, or while a dialog is open. */
import { useEffect } from "react";
import { useLocation } from "wouter";
import type { Key } from "../i18n/text";
import { createStore, useStore } from "../ui/store";

const KEPT = "mailauncher.shortcuts";
/** How long the second key of a sequence may take. */
const SEQUENCE_MS = 1500;

interface Shortcut {
  keys: readonly string[];
  label: Key;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ["Ctrl-K"], label: "shortcut.menu" },
  { keys: ["?"], label: "shortcut.help" },
  { keys: ["/"], label: "shortcut.search" },
  { keys: ["g", "o"], label: "shortcut.overview" },
  { keys: ["g", "e"], label: "shortcut.events" },
];

/** Whether single keys do something: who speaks to the computer, or hits keys by accident, turns them off. */
export const singleKeys = createStore(localStorage.getItem(KEPT) !== "off");

export function allowSingleKeys(on: boolean): void {
  if (on) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, "off");
  singleKeys.set(on);
}

export function useShortcuts(open: { menu(): void; help(): void }): void {
  const [, go] = useLocation();
  const single = useStore(singleKeys);
  useEffect(() => {
    let first: { key: string; at: number } | undefined;
    const listen = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (document.querySelector("dialog[open]")) return;
      if ((event.ctrlKey || event.metaKey) && key === "k" && !within(target, ".xterm")) {
        event.preventDefault();
        open.menu();
        return;
      }
      const typing = within(target, ".xterm, input, textarea, select, [contenteditable]");
      if (!single || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const before = first && event.timeStamp - first.at < SEQUENCE_MS ? first.key : "";
      first = { key, at: event.timeStamp };
      const action = {
        "?": open.help,
        "/": focusSearch,
        "g o": () => go("/"),
        "g e": () => go("/events"),
      }[before === "g" ? `g ${key}` : key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  });
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>("main input[type=search]")?.focus();
}

function within(target: EventTarget | null, selector: string): boolean {
  return target instanceof Element && target.closest(selector) !== null;
}
