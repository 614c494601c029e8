/** As many rows are in one command, which changes all of them or none. */
const AT_ONCE = 200;

export function* portions(ids: readonly string[]): Generator<string[]> {
  for (let first = 0; first < ids.length; first += AT_ONCE) yield ids.slice(first, first + AT_ONCE);
}
