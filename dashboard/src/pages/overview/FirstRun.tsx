/** What to do while there is no bot: the three ways to one. */
import { type Key, useText } from "../../i18n/text";
import { Card, css as parts } from "../../ui/parts";
import css from "./overview.module.css";

const WAYS: readonly { title: Key; text: Key; command: string }[] = [
  { title: "first.new", text: "first.newText", command: "mailauncher deploy mai-1 --start" },
  { title: "first.existing", text: "first.existingText", command: "mailauncher add ~/MaiBot" },
  { title: "first.demo", text: "first.demoText", command: "mailauncher demo" },
];

export function FirstRun() {
  const text = useText();
  return (
    <>
      <h2>{text("first.title")}</h2>
      <div className={css.first}>
        {WAYS.map((way) => (
          <Card key={way.title} title={text(way.title)}>
            <p>{text(way.text)}</p>
            <pre className={parts.output}>{way.command}</pre>
          </Card>
        ))}
      </div>
    </>
  );
}
