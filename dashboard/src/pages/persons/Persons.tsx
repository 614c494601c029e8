/** The persons whom a bot knows: a table of any length, search, forms, import and export. */
import { useState } from "react";
import { useSearchParams } from "wouter";
import { query } from "../../api/connection";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import {
  DeletePersonsDocument,
  PersonPageDocument,
  type PersonRowFragment,
  RestorePersonsDocument,
} from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import type { Instance } from "../../live/instances";
import { createPaged, PAGE, type Reader } from "../../resources/paged";
import resources from "../../resources/resources.module.css";
import { SyncCard } from "../../resources/SyncCard";
import { useResourceText } from "../../resources/texts";
import { UndoBar } from "../../resources/UndoBar";
import { type Deleting, undoOf } from "../../resources/undo";
import { usePaged } from "../../resources/usePaged";
import { Button, Card, css as parts, Unread } from "../../ui/parts";
import { useSettled } from "../../ui/useSettled";
import { editsOf } from "./edits";
import { Import } from "./Import";
import { PersonForm } from "./PersonForm";
import { PersonTable } from "./PersonTable";
import css from "./persons.module.css";
import { usePersonText } from "./texts";

interface Query {
  id: string;
  text: string;
}

export default function Persons({ instance }: { instance: Instance }) {
  const text = usePersonText();
  const words = useResourceText();
  const numbers = useNumbers();
  const { refused } = useCommands();
  const { id } = instance;
  const [parameters, setParameters] = useSearchParams();
  const wanted = parameters.get("q") ?? "";
  const [list] = useState(() => createPaged(readPage));
  const sought = useSettled(wanted);
  const shown = usePaged<Query, PersonRowFragment>(list, { id, text: sought });
  const [version, setVersion] = useState(0);
  const [opened, setOpened] = useState<string | "new" | "import">();
  const close = () => setOpened(undefined);
  const changed = () => {
    list.again();
    setVersion((number) => number + 1);
  };
  const undo = undoOf("persons", id, DeletePersonsDocument as Deleting, RestorePersonsDocument);
  const edits = {
    ...editsOf(id),
    undo: async (number: number) => {
      const { done, kept, inexact } = await editsOf(id).undo(number);
      const values = { done: numbers.count(done), kept: numbers.count(kept) };
      if (kept > 0) tell(words("undo.kept", values), true);
      if (inexact > 0) tell(text("persons.undoInexact", { count: numbers.count(inexact) }), true);
    },
  };
  const search = (typed: string) =>
    setParameters(typed ? new URLSearchParams({ q: typed }) : new URLSearchParams(), { replace: true });
  const off = { disabled: refused !== undefined, title: refused };
  return (
    <div className={css.page}>
      <Card
        title={text("persons.title")}
        extra={
          <span className={parts.dim}>
            {shown.total !== undefined && text("persons.count", { count: numbers.count(shown.total) })}
          </span>
        }
      >
        <div className={resources.bar}>
          <input
            type="search"
            aria-label={text("persons.search")}
            placeholder={text("persons.search")}
            maxLength={256}
            value={wanted}
            onChange={(event) => search(event.target.value)}
          />
          <Button kind="primary" {...off} onClick={() => setOpened("new")}>
            {text("persons.add")}
          </Button>
          <Button {...off} onClick={() => setOpened("import")}>
            {text("persons.import")}
          </Button>
          {(["jsonl", "csv"] as const).map((format) => (
            <a
              key={format}
              className={parts.button}
              href={`/api/v1/resource/${id}/persons/export?format=${format}`}
              download
            >
              {text("persons.export", { format: format === "csv" ? "CSV" : "JSON Lines" })}
            </a>
          ))}
        </div>
        {shown.error && <Unread error={shown.error} again={list.again} />}
        <PersonTable
          key={sought}
          instanceId={id}
          list={list}
          shown={shown}
          undo={undo}
          changed={changed}
          open={setOpened}
          clear={sought ? () => search("") : undefined}
        />
        <UndoBar undo={undo} edits={edits} restored={changed} />
      </Card>
      <SyncCard instance={instance} version={version} synced={changed} />
      {opened === "import" && <Import instanceId={id} imported={changed} close={close} />}
      {opened && opened !== "import" && (
        <PersonForm
          key={opened}
          instanceId={id}
          id={opened === "new" ? undefined : opened}
          undo={undo}
          changed={changed}
          close={close}
        />
      )}
    </div>
  );
}

const readPage: Reader<Query, PersonRowFragment> = async ({ id, text }, after, skip, count) => {
  const found = (await query(PersonPageDocument, { id, text, after, skip, first: PAGE, count })).instance
    ?.persons;
  const items = (found?.edges ?? []).map(({ cursor, node }) => ({ cursor, item: node }));
  return { items, total: count ? (found?.totalCount ?? 0) : undefined };
};
