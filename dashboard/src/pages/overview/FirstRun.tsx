/** What to do while there is no bot: the three ways to one. */
import { Link } from "wouter";
import { useText } from "../../i18n/text";
import { Card, css as parts } from "../../ui/parts";
import css from "./overview.module.css";

export function FirstRun() {
  const text = useText();
  return (
    <>
      <h2>{text("first.title")}</h2>
      <div className={css.first}>
        <Card title={text("nav.deploy")}>
          <p>{text("first.newText")}</p>
          <div className={parts.row}>
            <Link href="/deploy" className={`${parts.button} ${parts.primary}`}>
              {text("nav.deploy")}
            </Link>
          </div>
        </Card>
        <Card title={text("nav.add")}>
          <p>{text("first.existingText")}</p>
          <div className={parts.row}>
            <Link href="/add" className={parts.button}>
              {text("nav.add")}
            </Link>
          </div>
        </Card>
        <Card title={text("first.demo")}>
          <p>{text("first.demoText")}</p>
          <pre className={parts.output}>mailauncher demo</pre>
        </Card>
      </div>
    </>
  );
}
