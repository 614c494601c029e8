/** Search, category, tags, the size of the tiles, and the picker of files. */
import { useRef } from "react";
import { useCommands } from "../../app/useCommand";
import type { EmojiFacetsQuery } from "../../gql/graphql";
import { useNumbers } from "../../i18n/numbers";
import resources from "../../resources/resources.module.css";
import { Button } from "../../ui/parts";
import { useStore } from "../../ui/store";
import css from "./emojis.module.css";
import { chooseTileSize, type Filters, TILES, type TileSize, tileSize } from "./filters";
import { useEmojiText } from "./texts";

type Facets = NonNullable<EmojiFacetsQuery["instance"]>["emojis"]["facets"];

export function FilterBar({
  filters,
  filter,
  facets,
  add,
}: {
  filters: Filters;
  filter: (next: Filters) => void;
  facets: Facets | undefined;
  add: (files: Iterable<File>) => void;
}) {
  const text = useEmojiText();
  const numbers = useNumbers();
  const { refused } = useCommands();
  const picker = useRef<HTMLInputElement>(null);
  const size = useStore(tileSize);
  const found = facets?.categories ?? [];
  const { category } = filters;
  const lost = category !== "" && !found.some(({ value }) => value === category);
  const categories = lost ? [{ value: category, count: 0 }, ...found] : found;
  return (
    <>
      <div className={resources.bar}>
        <input
          type="search"
          aria-label={text("emojis.search")}
          placeholder={text("emojis.search")}
          maxLength={256}
          value={filters.text}
          onChange={(event) => filter({ ...filters, text: event.target.value })}
        />
        <select
          aria-label={text("emojis.category")}
          value={category}
          onChange={(event) => filter({ ...filters, category: event.target.value })}
        >
          <option value="">{text("emojis.anyCategory")}</option>
          {categories.map(({ value, count }) => (
            <option key={value} value={value}>
              {value} ({numbers.count(count)})
            </option>
          ))}
        </select>
        <select
          aria-label={text("emojis.size")}
          value={size}
          onChange={(event) => chooseTileSize(Number(event.target.value) as TileSize)}
        >
          {TILES.map((one) => (
            <option key={one} value={one}>
              {text(`emojis.size${one}`)}
            </option>
          ))}
        </select>
        <Button
          kind="primary"
          disabled={refused !== undefined}
          title={refused}
          onClick={() => picker.current?.click()}
        >
          {text("upload.add")}
        </Button>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          accept="image/png,image/jpeg,image/gif,image/webp"
          aria-label={text("upload.add")}
          onChange={(event) => {
            add(event.target.files ?? []);
            event.target.value = ""; // the same files can be chosen again
          }}
        />
      </div>
      <Tags filters={filters} filter={filter} found={facets?.tags ?? []} />
    </>
  );
}

function Tags({
  filters,
  filter,
  found,
}: {
  filters: Filters;
  filter: (next: Filters) => void;
  found: Facets["tags"];
}) {
  const text = useEmojiText();
  const numbers = useNumbers();
  const chosen = new Set(filters.tags.map((tag) => tag.toLowerCase()));
  const others = found.filter(({ value }) => !chosen.has(value.toLowerCase()));
  const toggle = (tag: string) => {
    const left = filters.tags.filter((one) => one !== tag);
    filter({ ...filters, tags: left.length < filters.tags.length ? left : [...left, tag] });
  };
  return (
    <fieldset aria-label={text("emojis.tags")} className={css.tags}>
      {filters.tags.map((tag) => (
        <button key={tag} type="button" aria-pressed="true" className={css.tag} onClick={() => toggle(tag)}>
          {tag}
        </button>
      ))}
      {others.map(({ value, count }) => (
        <button
          key={value}
          type="button"
          aria-pressed="false"
          className={css.tag}
          onClick={() => toggle(value)}
        >
          {value} {numbers.count(count)}
        </button>
      ))}
    </fieldset>
  );
}
