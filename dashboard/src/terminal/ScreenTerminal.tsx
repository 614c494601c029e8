/** A terminal as a screen. Its keys are its own, but F6, which leaves it. */
import { useCallback, useEffect, useId, useRef, useState } from "react";
import { tell } from "../app/toasts";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { Button, css as parts } from "../ui/parts";
import { type Store, useStore } from "../ui/store";
import { Composer } from "./Composer";
import { copy } from "./copy";
import { gapLine } from "./gap";
import { type LiveTerminal, openTerminal } from "./live";
import { QrPicture } from "./QrPicture";
import type { QrCode } from "./qr";
import { Driver, TerminalStatus } from "./TerminalStatus";
import css from "./terminal.module.css";
import { useOpened } from "./useOpened";

interface Props {
  sessionId: string;
  name: string;
  reader: boolean;
}

export function ScreenTerminal({ sessionId, name, reader }: Props) {
  const text = useText();
  const help = useId();
  const above = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const open = useCallback(
    (element: HTMLElement) => {
      if (!above.current) throw new Error("an element over the terminal is missing");
      const leave = () => bar.current?.querySelector("button")?.focus();
      return openTerminal({ sessionId, element, above: above.current, gap: gapLine, leave });
    },
    [sessionId],
  );
  const [box, terminal] = useOpened(open);
  useEffect(() => terminal?.setReader(reader), [terminal, reader]);
  return (
    <>
      {terminal && (
        <TerminalStatus session={terminal.session} show={(offset) => terminal.history.show(offset, 0)} />
      )}
      <div className={css.screen}>
        <div ref={above} className={css.above} hidden />
        <section
          ref={box}
          className={css.live}
          aria-label={`${text("bot.terminal")} ${name}`}
          aria-describedby={help}
        />
        {terminal && <Notices terminal={terminal} />}
      </div>
      <p id={help} className={parts.visuallyHidden}>
        {text("terminal.help")}
      </p>
      <div ref={bar} className={parts.row}>
        {terminal && <Actions terminal={terminal} />}
        {terminal && <Driver session={terminal.session} />}
      </div>
      {terminal && <Composer sessionId={sessionId} send={terminal.session.type} arrow={terminal.arrow} />}
    </>
  );
}

/** Over the screen: where it is, while it is not at the end. */
function Notices({ terminal }: { terminal: LiveTerminal }) {
  const text = useText();
  const numbers = useNumbers();
  const { unread } = useStore(terminal.session.view);
  const place = useStore(terminal.history.place);
  if (unread === undefined) return null;
  return (
    <div className={css.notice}>
      {place === "oldest" && <span className={css.mark}>{text("log.oldest")}</span>}
      {place === "reading" && <span className={css.mark}>{text("terminal.reading")}</span>}
      <Button kind="primary" small onClick={terminal.toEnd}>
        {unread ? text("terminal.newLines", { count: numbers.count(unread) }) : text("terminal.toEnd")}
      </Button>
    </div>
  );
}

function Actions({ terminal }: { terminal: LiveTerminal }) {
  const text = useText();
  const copyAll = () => {
    copy(terminal.text()).then(
      () => tell(text("do.copied")),
      (error: Error) => tell(error.message, true),
    );
  };
  return (
    <>
      <Button small onClick={copyAll}>
        {text("do.copy")}
      </Button>
      <Button small onClick={terminal.history.showOldest}>
        {text("terminal.oldest")}
      </Button>
      <CodeButton code={terminal.code} />
    </>
  );
}

function CodeButton({ code }: { code: Store<QrCode | undefined> }) {
  const text = useText();
  const found = useStore(code);
  const [shown, setShown] = useState<QrCode>();
  return (
    <>
      {found && (
        <Button small kind="primary" onClick={() => setShown(found)}>
          {text("terminal.showCode")}
        </Button>
      )}
      {shown && <QrPicture code={shown} close={() => setShown(undefined)} />}
    </>
  );
}
