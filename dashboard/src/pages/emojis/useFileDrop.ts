/** Takes files that are dropped or pasted anywhere on the page. Says whether some are held over it. */
import { useEffect, useState } from "react";

export function useFileDrop(add: (files: Iterable<File>) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const control = new AbortController();
    const listen = <Name extends "dragover" | "dragleave" | "drop" | "paste">(
      name: Name,
      heard: (event: WindowEventMap[Name]) => void,
    ) => addEventListener(name, heard, { signal: control.signal });
    const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes("Files") ?? false;
    listen("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault(); // or the browser would leave the page for the file
      setOver(true);
    });
    listen("dragleave", (event) => event.relatedTarget === null && setOver(false));
    listen("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      add(event.dataTransfer?.files ?? []);
    });
    // A text that is copied from a document has a picture of itself with it.
    const isField = (target: EventTarget | null) =>
      target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
    listen("paste", (event) => {
      if (!isField(event.target)) add(event.clipboardData?.files ?? []);
    });
    return () => control.abort();
  }, [add]);
  return over;
}
