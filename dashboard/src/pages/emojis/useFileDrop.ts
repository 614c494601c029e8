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
    listen("dragover", (event) => {
      event.preventDefault(); // or the browser would leave the page for the file
      setOver(event.dataTransfer?.types.includes("Files") ?? false);
    });
    listen("dragleave", (event) => event.relatedTarget === null && setOver(false));
    listen("drop", (event) => {
      event.preventDefault();
      setOver(false);
      add(event.dataTransfer?.files ?? []);
    });
    listen("paste", (event) => add(event.clipboardData?.files ?? []));
    return () => control.abort();
  }, [add]);
  return over;
}
