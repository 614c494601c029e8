/** What is typed into a field of a number, and the number that it means. */

/** Undefined for what is no such number, or one that the browser cannot hold exactly. */
export function numberIn(typed: string, whole: boolean): number | undefined {
  const written = typed.trim();
  if (!(whole ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i).test(written)) return undefined;
  const number = Number(written);
  if (whole ? !Number.isSafeInteger(number) : !Number.isFinite(number)) return undefined;
  return number;
}

/** An item of a list may be whole or not, whatever it was. */
export function itemIn(typed: string): number | undefined {
  return numberIn(typed, /^[+-]?\d+$/.test(typed.trim()));
}
