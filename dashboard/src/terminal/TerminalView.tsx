/** A terminal, in the form that this browser's user has chosen. */
import { useStore } from "../ui/store";
import { form } from "./choices";
import { PlainTerminal } from "./PlainTerminal";
import { ScreenTerminal } from "./ScreenTerminal";
import css from "./terminal.module.css";

export function TerminalView({ sessionId, name }: { sessionId: string; name: string }) {
  const chosen = useStore(form);
  return (
    <div className={css.frame}>
      {chosen === "plain" ? (
        <PlainTerminal sessionId={sessionId} name={name} />
      ) : (
        <ScreenTerminal sessionId={sessionId} name={name} reader={chosen === "reader"} />
      )}
    </div>
  );
}
