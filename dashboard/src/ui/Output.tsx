/** Text of a program or a file in a box of its own. */
import { useCallback, useEffect, useRef } from "react";
import { css as parts } from "./parts";

/** `live`: it grows at its end, which stays in sight. */
export function Output({ label, text, live = false }: { label: string; text: string; live?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const open = useCallback((element: HTMLDivElement | null) => {
    box.current = element;
    if (element) element.tabIndex = 0; // it scrolls, and must do so by keyboard
  }, []);
  useEffect(() => {
    if (live && text && follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [live, text]);
  const named = { role: live ? "log" : "document", "aria-label": label };
  return (
    <div
      ref={open}
      className={parts.output}
      {...named}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < 8;
      }}
    >
      <pre>{text}</pre>
    </div>
  );
}
