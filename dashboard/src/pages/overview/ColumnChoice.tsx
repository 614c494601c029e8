import { useState } from "react";
import { useText } from "../../i18n/text";
import { Dialog } from "../../ui/Dialog";
import { Button, css as parts } from "../../ui/parts";
import { useStore } from "../../ui/store";
import { COLUMNS, hidden, hide } from "./columns";
import css from "./overview.module.css";

/** A button that lets the reader choose the columns of the list. */
export function ColumnChoice() {
  const text = useText();
  const [open, setOpen] = useState(false);
  const off = useStore(hidden);
  return (
    <>
      <Button small onClick={() => setOpen(true)}>
        {text("list.columns")}
      </Button>
      {open && (
        <Dialog label={text("list.columnsTitle")} close={() => setOpen(false)}>
          <div className={css.choice}>
            <h2>{text("list.columnsTitle")}</h2>
            {COLUMNS.map(({ label }) => (
              <label key={label} className={parts.check}>
                <input
                  type="checkbox"
                  checked={!off.has(label)}
                  onChange={(event) => hide(label, !event.target.checked)}
                />
                {text(label)}
              </label>
            ))}
            <Button onClick={() => setOpen(false)}>{text("do.close")}</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
