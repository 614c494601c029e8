/** The emojis of a bot: a gallery of any number, filters, uploads, and edits of many at once. */
import { useCallback, useEffect, useState } from "react";
import { useSearchParams } from "wouter";
import { query } from "../../api/connection";
import { useQuery } from "../../api/useQuery";
import {
  DeleteEmojisDocument,
  EmojiFacetsDocument,
  EmojiPageDocument,
  RestoreEmojisDocument,
  type TileFragment,
} from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import type { Instance } from "../../live/instances";
import { createPaged, PAGE, type Reader } from "../../resources/paged";
import { SyncCard } from "../../resources/SyncCard";
import { UndoBar } from "../../resources/UndoBar";
import { type Deleting, undoOf } from "../../resources/undo";
import { usePaged } from "../../resources/usePaged";
import { Card, css as parts, Unread } from "../../ui/parts";
import { useSettled } from "../../ui/useSettled";
import css from "./emojis.module.css";
import { FilterBar } from "./FilterBar";
import { type Filters, filtersOf, parametersOf } from "./filters";
import { Gallery } from "./Gallery";
import { useEmojiText } from "./texts";
import { UploadList } from "./UploadList";
import { uploadsTo } from "./uploads";
import { useFileDrop } from "./useFileDrop";

type Query = Filters & { id: string };

export default function Emojis({ instance }: { instance: Instance }) {
  const text = useEmojiText();
  const numbers = useNumbers();
  const { id } = instance;
  const [parameters, setParameters] = useSearchParams();
  const filters = filtersOf(parameters);
  const sought = { ...filters, text: useSettled(filters.text) };
  const [list] = useState(() => createPaged(readPage));
  const shown = usePaged<Query, TileFragment>(list, { id, ...sought });
  const [version, setVersion] = useState(0);
  const facets = useQuery(EmojiFacetsDocument, { id, ...variablesOf(sought) }, String(version));
  const changed = useCallback(() => {
    list.again();
    setVersion((number) => number + 1);
  }, [list]);
  const undo = undoOf("emojis", id, DeleteEmojisDocument as Deleting, RestoreEmojisDocument);
  const uploads = uploadsTo(id);
  useEffect(() => uploads.rounds.subscribe(changed), [uploads, changed]);
  const over = useFileDrop(uploads.add);
  const filter = (next: Filters) => setParameters(parametersOf(next), { replace: true });
  const filtered = sought.text !== "" || sought.tags.length > 0 || sought.category !== "";
  return (
    <div className={css.drop} data-over={over ? "" : undefined}>
      {over && <p className={css.dropHint}>{text("upload.drop")}</p>}
      <Card
        title={text("emojis.title")}
        extra={
          <span className={parts.dim}>
            {shown.total !== undefined && text("emojis.count", { count: numbers.count(shown.total) })}
          </span>
        }
      >
        <FilterBar
          filters={filters}
          filter={filter}
          facets={facets.data?.instance?.emojis.facets}
          add={uploads.add}
        />
        {facets.error && <Unread error={facets.error} again={facets.again} />}
        <UploadList uploads={uploads} />
        {shown.error && <Unread error={shown.error} again={list.again} />}
        <Gallery
          key={parametersOf(sought).toString()}
          instance={instance}
          list={list}
          shown={shown}
          undo={undo}
          changed={changed}
          none={filtered ? { text: text("emojis.noMatch"), clear: () => filter(NO_FILTERS) } : undefined}
        />
        <UndoBar undo={undo} restored={changed} />
      </Card>
      <SyncCard instance={instance} version={version} synced={changed} />
    </div>
  );
}

const NO_FILTERS: Filters = { text: "", tags: [], category: "" };

function variablesOf({ text, tags, category }: Filters) {
  return { text, tags: [...tags], category };
}

const readPage: Reader<Query, TileFragment> = async ({ id, ...filters }, after, skip, count) => {
  const variables = { id, after, skip, first: PAGE, count, ...variablesOf(filters) };
  const found = (await query(EmojiPageDocument, variables)).instance?.emojis;
  const items = (found?.edges ?? []).map(({ cursor, node }) => ({ cursor, item: node }));
  return { items, total: count ? (found?.totalCount ?? 0) : undefined };
};
