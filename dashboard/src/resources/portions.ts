/** As many rows are in one command, which changes all of them or none. */
const AT_ONCE = 200;

export function* portions<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let first = 0; first < items.length; first += AT_ONCE) yield items.slice(first, first + AT_ONCE);
}
