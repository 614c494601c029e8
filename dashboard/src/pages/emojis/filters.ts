/** What of the emojis is shown: it stands in the address. And their size, which is kept. */
import { createStore } from "../../ui/store";

export interface Filters {
  text: string;
  tags: readonly string[];
  category: string;
}

const KEY = "mailauncher.emojis.tile";
const TILES = [96, 160, 240] as const;
export type TileSize = (typeof TILES)[number];

export const tileSize = createStore<TileSize>(
  TILES.find((size) => String(size) === localStorage.getItem(KEY)) ?? (innerWidth < 600 ? 96 : 160),
);

export function chooseTileSize(size: TileSize): void {
  localStorage.setItem(KEY, String(size));
  tileSize.set(size);
}

export { TILES };

export function filtersOf(parameters: URLSearchParams): Filters {
  return {
    text: parameters.get("q") ?? "",
    tags: parameters.getAll("tag"),
    category: parameters.get("category") ?? "",
  };
}

export function parametersOf({ text, tags, category }: Filters): URLSearchParams {
  const parameters = new URLSearchParams();
  if (text) parameters.set("q", text);
  for (const tag of tags) parameters.append("tag", tag);
  if (category) parameters.set("category", category);
  return parameters;
}
