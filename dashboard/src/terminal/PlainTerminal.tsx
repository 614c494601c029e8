/** A terminal as lines of text, for screen readers and small screens, with a line to type into unless it is only read. */
import { useCallback } from "react";
import { useText } from "../i18n/text";
import { Composer } from "./Composer";
import { gapLine } from "./gap";
import { createLines } from "./lines";
import { openSession } from "./session";
import { TerminalStatus } from "./TerminalStatus";
import css from "./terminal.module.css";
import { useOpened } from "./useOpened";

export function PlainTerminal({
  sessionId,
  name,
  readOnly = false,
}: {
  sessionId: string;
  name: string;
  readOnly?: boolean;
}) {
  const text = useText();
  const open = useCallback(
    (element: HTMLElement) => {
      const lines = createLines(element, gapLine);
      const session = openSession(sessionId, lines);
      const dispose = () => {
        session.close();
        lines.dispose();
      };
      return { session, dispose };
    },
    [sessionId],
  );
  const [box, opened] = useOpened(open);
  return (
    <>
      {opened && <TerminalStatus session={opened.session} />}
      <div
        ref={box}
        className={css.log}
        role="log"
        aria-live="polite"
        aria-label={`${text("bot.terminal")} ${name}`}
      />
      {opened && !readOnly && (
        <Composer
          sessionId={sessionId}
          send={opened.session.type}
          arrow={(letter) => `\x1b[${letter}`}
          always
        />
      )}
    </>
  );
}
