/** An instance's terminals: one of them, chosen by tabs, or all beside each other. */
import { useState } from "react";
import { useText } from "../i18n/text";
import type { Instance } from "../live/instances";
import { css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import { FORMS, form, LAYOUTS, layout } from "./choices";
import { TerminalView } from "./TerminalView";
import css from "./terminal.module.css";

export default function Terminals({ instance: { terminals } }: { instance: Instance }) {
  const text = useText();
  const [chosen, setChosen] = useState("main");
  const grid = useStore(layout) === "grid" && terminals.length > 1;
  const one = terminals.find(({ name }) => name === chosen) ?? terminals[0];
  const nameOf = (name: string) => (name === "main" ? text("bot.main") : name);
  return (
    <div className={css.frame}>
      <div className={css.bar}>
        {terminals.length > 1 && !grid && (
          <fieldset className={parts.tabs} aria-label={text("terminal.choose")}>
            {terminals.map(({ name }) => (
              <button
                key={name}
                type="button"
                className={parts.tab}
                aria-current={name === one?.name ? "page" : undefined}
                onClick={() => setChosen(name)}
              >
                {nameOf(name)}
              </button>
            ))}
          </fieldset>
        )}
        <Choices several={terminals.length > 1} />
      </div>
      {grid && (
        <div className={css.grid}>
          {terminals.map(({ sessionId, name }) => (
            <section key={sessionId} aria-label={nameOf(name)}>
              <h2>{nameOf(name)}</h2>
              <TerminalView sessionId={sessionId} name={name} />
            </section>
          ))}
        </div>
      )}
      {!grid && one && <TerminalView key={one.sessionId} sessionId={one.sessionId} name={one.name} />}
    </div>
  );
}

function Choices({ several }: { several: boolean }) {
  const text = useText();
  const formed = useStore(form);
  const laid = useStore(layout);
  return (
    <div className={css.choices}>
      {several && (
        <select
          aria-label={text("terminal.layout")}
          value={laid}
          onChange={(event) => layout.set(LAYOUTS.find((each) => each === event.target.value) ?? "tabs")}
        >
          {LAYOUTS.map((each) => (
            <option key={each} value={each}>
              {text(`terminal.${each}`)}
            </option>
          ))}
        </select>
      )}
      <select
        aria-label={text("terminal.form")}
        value={formed}
        onChange={(event) => form.set(FORMS.find((each) => each === event.target.value) ?? "screen")}
      >
        {FORMS.map((each) => (
          <option key={each} value={each}>
            {text(`terminal.${each}`)}
          </option>
        ))}
      </select>
    </div>
  );
}
