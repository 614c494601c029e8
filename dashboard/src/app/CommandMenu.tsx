/** Ctrl-K: goes to any bot or page, and starts, stops or restarts a bot. */
import { type KeyboardEvent, useState } from "react";
import { useLocation } from "wouter";
import type { Operation } from "../api/operation";
import { RestartDocument, StartDocument, StopDocument } from "../gql/graphql";
import { type Key, useText } from "../i18n/text";
import { isUp } from "../live/condition";
import { type Instance, instances } from "../live/instances";
import { Dialog } from "../ui/Dialog";
import { css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import css from "./shell.module.css";
import { useCommands } from "./useCommand";

const SHOWN = 12;

interface Entry {
  id: string;
  name: string;
  kind: Key;
  choose(): void;
}

type ById = Operation<unknown, { id: string }>;

export function CommandMenu({ close, help }: { close: () => void; help: () => void }) {
  const text = useText();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const found = useEntries(close, help)
    .filter((entry) => matches(entry.name, typed))
    .slice(0, SHOWN);
  const move = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") found[at]?.choose();
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label={text("menu.title")} close={close} className={css.menu}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found[at] ? `found-${found[at].id}` : undefined}
        aria-label={text("menu.title")}
        placeholder={text("menu.placeholder")}
        value={typed}
        onKeyDown={move}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
      />
      {found.length === 0 && <p className={parts.dim}>{text("menu.none")}</p>}
      <div id="found" role="listbox" aria-label={text("menu.title")} tabIndex={-1} className={css.found}>
        {found.map((entry, index) => (
          <button
            key={entry.id}
            id={`found-${entry.id}`}
            type="button"
            role="option"
            aria-selected={index === at}
            tabIndex={-1}
            onClick={entry.choose}
          >
            <span>{entry.name}</span>
            <span className={parts.dim}>{text(entry.kind)}</span>
          </button>
        ))}
      </div>
    </Dialog>
  );
}

function useEntries(close: () => void, help: () => void): Entry[] {
  const text = useText();
  const [, go] = useLocation();
  const { run } = useCommands();
  const page = (name: Key, path: string): Entry => ({
    id: path,
    name: text(name),
    kind: "menu.page",
    choose: () => {
      close();
      go(path);
    },
  });
  const action = (name: Key, operation: ById, { id, name: bot }: Instance): Entry => ({
    id: `${name}-${id}`,
    name: `${bot}: ${text(name)}`,
    kind: "menu.action",
    choose: () => {
      close();
      void run(bot, operation, { id });
    },
  });
  return [
    page("nav.overview", "/"),
    page("search.title", "/search"),
    page("nav.events", "/events"),
    page("nav.deploy", "/deploy"),
    page("nav.add", "/add"),
    { id: "shortcuts", name: text("nav.shortcuts"), kind: "menu.page", choose: help },
    ...[...useStore(instances).byId.values()].flatMap((instance) => [
      {
        ...page("nav.overview", `/instances/${instance.id}`),
        name: instance.name,
        kind: "menu.bot" as const,
      },
      ...(isUp(instance)
        ? [action("do.restart", RestartDocument, instance), action("do.stop", StopDocument, instance)]
        : [action("do.start", StartDocument, instance)]),
    ]),
  ];
}

function matches(name: string, typed: string): boolean {
  const lower = name.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}
