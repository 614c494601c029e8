/**
 * A line that is sent whole, for phones, whose keyboards a terminal cannot read well, and for whoever reads plain text; and the
 * keys that phones lack. "Ctrl" holds for the next character or arrow.
 */
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { useText } from "../i18n/text";
import { Button } from "../ui/parts";
import { useDraft } from "../ui/useDraft";
import css from "./terminal.module.css";

const KEYS: readonly (readonly [label: string, name: string, data: string])[] = [
  ["Esc", "Esc", "\x1b"],
  ["Tab", "Tab", "\t"],
  ["^C", "Ctrl-C", "\x03"],
  ["^D", "Ctrl-D", "\x04"],
];
const ARROWS: readonly (readonly [label: string, name: string, letter: string])[] = [
  ["←", "Left", "D"],
  ["↑", "Up", "A"],
  ["↓", "Down", "B"],
  ["→", "Right", "C"],
];
const HISTORY_MAX = 50;

interface Props {
  sessionId: string;
  send: (data: string) => void;
  /** What an arrow key types. */
  arrow: (letter: string) => string;
  /** Also where there is a keyboard. */
  always?: boolean;
}

export function Composer({ sessionId, send, arrow, always = false }: Props) {
  const text = useText();
  const draft = useDraft(`line.${sessionId}`, { line: "" });
  const { line } = draft.value;
  const setLine = (next: string) => (next ? draft.change({ line: next }) : draft.forget());
  const [ctrl, setCtrl] = useState(false);
  const [sent, setSent] = useState<readonly string[]>([]);
  const [back, setBack] = useState(0); // how far back in what was sent; 0: not

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    send(`${line.replaceAll("\n", "\r")}\r`);
    if (line) setSent([...sent.filter((each) => each !== line), line].slice(-HISTORY_MAX));
    setLine("");
    setBack(0);
  };
  const recall = (steps: number) => {
    const next = Math.min(sent.length, Math.max(0, back + steps));
    setBack(next);
    setLine(next ? (sent[sent.length - next] ?? "") : "");
  };
  const type = (value: string) => {
    const added = value.length === line.length + 1 && value.startsWith(line) ? value.at(-1) : undefined;
    if (ctrl && added && /[a-z@[\\\]^_]/i.test(added)) {
      setCtrl(false);
      send(String.fromCharCode(added.toUpperCase().charCodeAt(0) & 0x1f));
    } else setLine(value);
  };
  const keyed = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return; // Enter chooses a word then
    if (event.key === "Enter" && !event.shiftKey) submit(event);
    else if (event.key === "ArrowUp" && !line.includes("\n")) recall(1);
    else if (event.key === "ArrowDown" && back) recall(-1);
    else return;
    event.preventDefault();
  };
  const sendArrow = (letter: string) => {
    send(ctrl ? `\x1b[1;5${letter}` : arrow(letter));
    setCtrl(false);
  };

  return (
    <div className={css.composer} data-always={always ? "" : undefined}>
      <form onSubmit={submit}>
        <textarea
          aria-label={text("terminal.composer")}
          placeholder={text("terminal.composer")}
          autoCapitalize="off"
          autoComplete="off"
          enterKeyHint="send"
          rows={Math.min(5, line.split("\n").length)}
          value={line}
          onChange={(event) => type(event.target.value)}
          onKeyDown={keyed}
        />
        <Button aria-label={text("terminal.recall")} disabled={back >= sent.length} onClick={() => recall(1)}>
          ↶
        </Button>
        <Button kind="primary" type="submit">
          {text("terminal.send")}
        </Button>
      </form>
      <fieldset className={css.keys} aria-label={text("terminal.keys")}>
        <Button small aria-pressed={ctrl} onClick={() => setCtrl(!ctrl)}>
          Ctrl
        </Button>
        {KEYS.map(([label, name, data]) => (
          <Button key={name} small aria-label={name} onClick={() => send(data)}>
            {label}
          </Button>
        ))}
        {ARROWS.map(([label, name, letter]) => (
          <Button key={name} small aria-label={name} onClick={() => sendArrow(letter)}>
            {label}
          </Button>
        ))}
      </fieldset>
    </div>
  );
}
