/** Adds a value to a table, or a variable to a file of them. */
import { type FormEvent, useState } from "react";
import { Button, css as parts } from "../../../ui/parts";
import css from "./configuration.module.css";
import { dotted, type OpenFile } from "./file";
import { numberIn } from "./numbers";
import { useConfigText } from "./texts";

const TYPES = ["String", "Integer", "Float", "Boolean", "List"] as const;
type Type = (typeof TYPES)[number];

/** A value of a type, of what is typed; undefined for what is none. */
function typedValue(type: Type, typed: string): unknown {
  if (type === "Boolean") return true;
  if (type === "List") return [];
  if (type === "String") return typed;
  return numberIn(typed === "" ? "0" : typed, type === "Integer");
}

export function AddValue({
  file,
  into,
  environment,
}: {
  file: OpenFile;
  /** The path of the table. */
  into: readonly string[];
  environment: boolean;
}) {
  const text = useConfigText();
  const [name, setName] = useState("");
  const [type, setType] = useState<Type>("String");
  const [typed, setTyped] = useState("");
  const value = typedValue(type, typed);
  const hasValue = type !== "Boolean" && type !== "List";
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (value === undefined) return;
    file.edit({ action: "SET", path: [...into, name], value });
    setName("");
    setTyped("");
  };
  const title = text(environment ? "config.addVariable" : "config.addValue");
  return (
    <details className={css.adding}>
      <summary>{into.length > 0 ? `${title} · ${dotted(into)}` : title}</summary>
      <form className={css.addForm} onSubmit={add}>
        <label className={parts.field}>
          {text("config.name")}
          <input required value={name} onChange={({ target }) => setName(target.value)} spellCheck={false} />
        </label>
        {!environment && (
          <label className={parts.field}>
            {text("config.type")}
            <select value={type} onChange={({ target }) => setType(target.value as Type)}>
              {TYPES.map((one) => (
                <option key={one} value={one}>
                  {text(`config.type${one}`)}
                </option>
              ))}
            </select>
          </label>
        )}
        {hasValue && (
          <label className={parts.field}>
            {text("config.value")}
            <input
              value={typed}
              aria-invalid={value === undefined}
              onChange={({ target }) => setTyped(target.value)}
              spellCheck={false}
            />
          </label>
        )}
        <Button type="submit" disabled={value === undefined}>
          {text("config.add")}
        </Button>
      </form>
    </details>
  );
}
