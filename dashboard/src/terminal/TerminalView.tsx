/** A live terminal. It is as large as this page shows it, for as long as nobody else drives it. */
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { Button, css as parts } from "../ui/parts";
import type { LinkState } from "./connection";
import { type Attached, attach } from "./screen";
import css from "./terminal.module.css";

const KEYS: readonly (readonly [string, string])[] = [
  ["Esc", "\x1b"],
  ["Tab", "\t"],
  ["^C", "\x03"],
  ["^D", "\x04"],
  ["↑", "\x1b[A"],
  ["↓", "\x1b[B"],
  ["←", "\x1b[D"],
  ["→", "\x1b[C"],
];

export default function TerminalView({ sessionId, name }: { sessionId: string; name: string }) {
  const text = useText();
  const numbers = useNumbers();
  const element = useRef<HTMLElement>(null);
  const attached = useRef<Attached>(undefined);
  const [state, setState] = useState<LinkState>("connecting");
  const [skipped, setSkipped] = useState(0);
  const [behind, setBehind] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const now = attach(element.current, sessionId, {
      state: setState,
      skipped: (bytes) => setSkipped((before) => before + bytes),
      behind: setBehind,
    });
    attached.current = now;
    return () => now.dispose();
  }, [sessionId]);
  return (
    <div className={css.frame}>
      <p className={parts.dim} role="status">
        {state === "connecting" && text("terminal.connecting")}
        {state === "lost" && text("terminal.lost")}
        {state === "connected" && skipped > 0 && text("terminal.skipped", { bytes: numbers.bytes(skipped) })}
      </p>
      <div className={css.screen}>
        <section ref={element} style={{ height: "100%" }} aria-label={`${text("bot.terminal")} ${name}`} />
        {behind && (
          <div className={css.notice}>
            <Button kind="primary" small onClick={() => attached.current?.toEnd()}>
              {text("terminal.newLines")}
            </Button>
          </div>
        )}
      </div>
      <Composer send={(data) => attached.current?.input(data)} />
    </div>
  );
}

/** For phones, whose keyboards a terminal cannot read well: a line that is sent whole, and the keys that they lack. */
function Composer({ send }: { send: (data: string) => void }) {
  const text = useText();
  const [line, setLine] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send(`${line}\r`);
    setLine("");
  };
  return (
    <div className={css.composer}>
      <form onSubmit={submit}>
        <input
          aria-label={text("terminal.composer")}
          placeholder={text("terminal.composer")}
          autoCapitalize="off"
          autoComplete="off"
          value={line}
          onChange={(event) => setLine(event.target.value)}
        />
        <Button kind="primary" type="submit">
          {text("terminal.send")}
        </Button>
      </form>
      <fieldset className={css.keys} aria-label={text("terminal.keys")}>
        {KEYS.map(([label, data]) => (
          <Button key={label} small onClick={() => send(data)}>
            {label}
          </Button>
        ))}
      </fieldset>
    </div>
  );
}
