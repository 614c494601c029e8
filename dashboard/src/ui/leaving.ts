/** Asks before the page is left while something is under way that would be lost. */
const underWay = new Set<unknown>();

/** `work` is whatever tells one piece of work from others. */
export function askBeforeLeaving(work: unknown, asks: boolean): void {
  if (asks) underWay.add(work);
  else underWay.delete(work);
  globalThis.onbeforeunload = underWay.size > 0 ? (event) => event.preventDefault() : null;
}
