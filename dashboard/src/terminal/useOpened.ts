/** Something that lives in an element for as long as that is on the page, such as an xterm.js screen. */
import { useCallback, useState } from "react";

/** A callback for `ref`, and what `open` has made in the element. `open` must stay the same function. */
export function useOpened<Opened extends { dispose(): void }>(
  open: (element: HTMLElement) => Opened,
): [(element: HTMLElement | null) => (() => void) | undefined, Opened | undefined] {
  const [opened, setOpened] = useState<Opened>();
  const ref = useCallback(
    (element: HTMLElement | null) => {
      if (!element) return undefined;
      const made = open(element);
      setOpened(made);
      return () => {
        made.dispose();
        setOpened(undefined);
      };
    },
    [open],
  );
  return [ref, opened];
}
