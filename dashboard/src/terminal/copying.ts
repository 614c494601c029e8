/** What is copied out of a terminal or a log: no spaces at the ends of lines, with which programs fill them. */
const TRAILING = /[ \t\u00a0]+$/gm;

export function withoutTrailing(text: string): string {
  return text.replace(TRAILING, "");
}

/** From now on what is copied out of the element is the selection without spaces at the ends of lines. Undone by what it returns. */
export function copyWithoutTrailing(element: HTMLElement, selection: () => string): () => void {
  const copy = (event: ClipboardEvent) => {
    const selected = selection();
    if (!selected || !event.clipboardData) return;
    event.clipboardData.setData("text/plain", withoutTrailing(selected));
    event.preventDefault();
    event.stopPropagation();
  };
  element.addEventListener("copy", copy, true); // before the terminal's own listener
  return () => element.removeEventListener("copy", copy, true);
}
