/** An array of texts or numbers: a field for each item. */
import { useState } from "react";
import { Button } from "../../../ui/parts";
import css from "./configuration.module.css";
import { type FieldProps, useTyped } from "./field";
import { itemIn } from "./numbers";
import { useConfigText } from "./texts";

type Item = string | number;

export function ListField({
  id,
  described,
  settled,
  readOnly,
  name,
  set,
  value,
  secret,
}: FieldProps & { value: readonly Item[]; secret: boolean }) {
  const text = useConfigText();
  const [items, setItems] = useTyped<readonly Item[]>(value, settled);
  const change = (now: readonly Item[]) => {
    setItems(now);
    set(now);
  };
  // An item is its place: equal ones may stand in a list, and each changes with what is typed.
  const places = items.map((_, at) => `${id}-${at}`);
  const kinds = new Set(items.map((item) => typeof item));
  return (
    <fieldset aria-labelledby={`${id}-name`} aria-describedby={described || undefined} className={css.list}>
      {items.map((item, at) => (
        <div key={places[at]} className={css.secret}>
          <ItemField
            label={text("config.item", { name, number: at + 1 })}
            item={item}
            readOnly={readOnly}
            secret={secret}
            change={(now) => change(items.with(at, now))}
          />
          {!readOnly && (
            <Button
              small
              aria-label={text("config.removeName", { name: text("config.item", { name, number: at + 1 }) })}
              onClick={() => change(items.toSpliced(at, 1))}
            >
              {text("config.remove")}
            </Button>
          )}
        </div>
      ))}
      {!readOnly && (
        <div className={css.adders}>
          {kinds.size === 1 ? (
            <Button small onClick={() => change([...items, kinds.has("number") ? 0 : ""])}>
              {text("config.addItem")}
            </Button>
          ) : (
            <>
              <Button small onClick={() => change([...items, ""])}>
                {text("config.addText")}
              </Button>
              <Button small onClick={() => change([...items, 0])}>
                {text("config.addNumber")}
              </Button>
            </>
          )}
        </div>
      )}
    </fieldset>
  );
}

function ItemField({
  label,
  item,
  readOnly,
  secret,
  change,
}: {
  label: string;
  item: Item;
  readOnly: boolean;
  secret: boolean;
  change: (item: Item) => void;
}) {
  const text = useConfigText();
  const [typed, setTyped] = useState<string>();
  const wrong = typeof item === "number" && typed !== undefined && itemIn(typed) === undefined;
  return (
    <input
      aria-label={label}
      aria-invalid={wrong}
      title={wrong ? text("config.number") : undefined}
      readOnly={readOnly}
      type={secret ? "password" : "text"}
      inputMode={typeof item === "number" ? "decimal" : undefined}
      autoComplete="off"
      spellCheck={false}
      value={typed ?? String(item)}
      onChange={({ target }) => {
        if (typeof item === "string") return change(target.value);
        setTyped(target.value); // also what is no number yet, as "-" or "1."
        const number = itemIn(target.value);
        if (number !== undefined) change(number);
      }}
      onBlur={() => setTyped(undefined)}
    />
  );
}
