/** One emoji: a light picture that stands still, and moves under the mouse if it can. */
import { useState } from "react";
import type { TileFragment } from "../../gql/graphql";
import { useResourceText } from "../../resources/texts";
import css from "./emojis.module.css";

/** The larger side of the smaller thumbnails. */
const SMALL_PX = 128;
/** Endings of images that may be animated. */
const MOVING = /\.(gif|webp)$/;

export function Tile({
  index,
  item,
  sidePx,
  place,
  total,
  current,
  selected,
}: {
  index: number;
  item: TileFragment | undefined;
  sidePx: number;
  place: { x: number; y: number };
  total: number;
  current: boolean;
  selected: boolean;
}) {
  const resources = useResourceText();
  const [over, setOver] = useState(false);
  const style = { width: sidePx, transform: `translate(${place.x}px, ${place.y}px)` };
  if (!item) return <div className={css.tile} style={style} role="presentation" data-empty="" />;
  const still = sidePx <= SMALL_PX ? item.small : item.large;
  const moves = over && MOVING.test(item.imageUrl) && !matchMedia("(prefers-reduced-motion)").matches;
  const tags = item.tags.join(", ");
  const pending = item.pendingChange ? resources(`pending.${item.pendingChange}`) : "";
  return (
    <div
      id={`emoji-${item.id}`}
      role="option"
      aria-selected={selected}
      aria-posinset={index + 1}
      aria-setsize={total}
      className={css.tile}
      style={style}
      data-current={current ? "" : undefined}
      tabIndex={-1}
      data-index={index}
      onMouseEnter={() => setOver(true)}
      onMouseLeave={() => setOver(false)}
    >
      <span className={css.picture} style={{ height: sidePx }}>
        {item.imageUrl && (
          <img
            src={moves ? item.thumbnailUrl : still}
            alt=""
            loading="lazy"
            decoding="async"
            draggable={false}
          />
        )}
        {pending && <span className={css.pending} title={pending} />}
        <span className={css.corner} data-corner="" />
      </span>
      <span className={css.name} title={item.name}>
        {item.name}
      </span>
      <span className={css.tileTags} title={tags}>
        {tags || item.category}
        {pending && <span className={css.hiddenText}> {pending}</span>}
      </span>
    </div>
  );
}
