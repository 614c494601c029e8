import { useText } from "../i18n/text";
import { Dialog } from "../ui/Dialog";
import { Button, css as parts } from "../ui/parts";
import { useStore } from "../ui/store";
import css from "./shell.module.css";
import { allowSingleKeys, SHORTCUTS, singleKeys } from "./shortcuts";

export function ShortcutHelp({ close }: { close: () => void }) {
  const text = useText();
  return (
    <Dialog label={text("shortcut.title")} close={close} className={css.help}>
      <h2>{text("shortcut.title")}</h2>
      <dl className={css.shortcuts}>
        {SHORTCUTS.map(({ keys, label }) => (
          <div key={label}>
            <dt>
              {keys.map((key, index) => (
                <span key={key}>
                  {index > 0 && ` ${text("shortcut.then")} `}
                  <kbd>{key}</kbd>
                </span>
              ))}
            </dt>
            <dd>{text(label)}</dd>
          </div>
        ))}
      </dl>
      <label className={parts.check}>
        <input
          type="checkbox"
          checked={useStore(singleKeys)}
          onChange={(event) => allowSingleKeys(event.target.checked)}
        />
        {text("shortcut.single")}
      </label>
      <p className={parts.dim}>{text("shortcut.note")}</p>
      <div className={parts.row}>
        <Button onClick={close}>{text("do.close")}</Button>
      </div>
    </Dialog>
  );
}
