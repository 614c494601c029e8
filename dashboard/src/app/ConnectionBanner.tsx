/** Says that the connection is lost, and how old what is shown has become; and that the page is older than the server. */
import { connection } from "../api/connection";
import { outdated } from "../api/errors";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { useNow } from "../ui/clock";
import { Button } from "../ui/parts";
import { useStore } from "../ui/store";
import css from "./shell.module.css";

export function ConnectionBanner() {
  const state = useStore(connection);
  return (
    <div className={css.banner} role="status">
      {state.is === "lost" && <Lost since={state.since} />}
      {useStore(outdated) && <Outdated />}
    </div>
  );
}

/** The reader reloads: a page that did it by itself would lose what is being typed. */
function Outdated() {
  const text = useText();
  return (
    <>
      {text("connection.outdated")}{" "}
      <Button small onClick={() => location.reload()}>
        {text("error.reload")}
      </Button>
    </>
  );
}

function Lost({ since }: { since: number }) {
  const text = useText();
  const numbers = useNumbers();
  return text("connection.lost", { age: numbers.duration((useNow() - since) / 1000) });
}
