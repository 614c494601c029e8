/** Says that the connection is lost, and how old what is shown has become. */
import { connection } from "../api/connection";
import { useNumbers } from "../i18n/numbers";
import { useText } from "../i18n/text";
import { useNow } from "../ui/clock";
import { useStore } from "../ui/store";
import css from "./shell.module.css";

export function ConnectionBanner() {
  const state = useStore(connection);
  return (
    <div className={css.banner} role="status">
      {state.is === "lost" && <Lost since={state.since} />}
    </div>
  );
}

function Lost({ since }: { since: number }) {
  const text = useText();
  const numbers = useNumbers();
  return text("connection.lost", { age: numbers.duration((useNow() - since) / 1000) });
}
