/** What a reader should know of a terminal beside what it shows: the connection, what was typed, what was skipped. */
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { Button, css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import type { Session, View } from "./session";
import css from "./terminal.module.css";

export function TerminalStatus({ session, show }: { session: Session; show?: (offset: number) => void }) {
  const text = useText();
  const numbers = useNumbers();
  const view = useStore(session.view);
  const { skipped } = view;
  return (
    <div className={`${parts.row} ${css.status}`} role="status">
      <Sentences view={view} />
      {skipped && (
        <>
          <span>{text("terminal.skipped", { bytes: numbers.bytes(skipped.bytes, true) })}</span>
          {show && (
            <Button
              small
              onClick={() => {
                session.change({ skipped: undefined });
                show(skipped.from);
              }}
            >
              {text("terminal.showSkipped")}
            </Button>
          )}
        </>
      )}
    </div>
  );
}

/** Who types here, and so sets the size of the terminal. */
export function Driver({ session }: { session: Session }) {
  const text = useText();
  const { driver } = useStore(session.view);
  return (
    <span className={`${parts.row} ${css.driver}`} role="status">
      {driver === "you" && <span className={parts.dim}>{text("terminal.youDrive")}</span>}
      {driver === "other" && (
        <>
          <span>{text("terminal.otherDrives")}</span>
          <Button small onClick={session.takeOver}>
            {text("terminal.takeOver")}
          </Button>
        </>
      )}
    </span>
  );
}

function Sentences({ view }: { view: View }) {
  const text = useText();
  const numbers = useNumbers();
  const lost = view.link === "lost";
  return (
    <>
      {view.link === "connecting" && <span>{text("terminal.connecting")}</span>}
      {lost && <span>{text("terminal.lost")}</span>}
      {lost && view.waiting > 0 && (
        <span>{text("terminal.waiting", { count: numbers.count(view.waiting) })}</span>
      )}
      {view.error && <span>{view.error}</span>}
      {view.untyped && (
        <span>
          {text("terminal.untyped", {
            data: printable(view.untyped.data),
            why: view.untyped.why || text("terminal.tooMuch"),
          })}
        </span>
      )}
      {view.uncertain && <span>{text("terminal.uncertain", { data: printable(view.uncertain) })}</span>}
    </>
  );
}

/** The beginning of input, with its control characters to be seen. */
function printable(data: string): string {
  const shown = Array.from(data.slice(0, 40), (character) => {
    const code = character.charCodeAt(0);
    return code < 32 ? String.fromCharCode(0x2400 + code) : character;
  }).join("");
  return data.length > 40 ? `${shown}…` : shown;
}
