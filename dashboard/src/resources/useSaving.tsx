/** Saves a row that is typed into a form, and asks where somebody else has changed the same meanwhile. */
import { useState } from "react";
import { tell } from "../app/toasts";
import { type Commands, useCommands } from "../app/useCommand";
import { useText } from "../i18n/text";
import { Dialog } from "../ui/Dialog";
import { Button, css as parts } from "../ui/parts";
import css from "./resources.module.css";
import { type Clash, type Fields, type Read, rebased, saveOver } from "./saving";
import { useResourceText } from "./texts";

interface Saved<Row extends Fields> {
  /** What a command is called when what came of it is told. */
  title: string;
  label: (field: keyof Row & string) => string;
  /** Resolves with what the server says of it. */
  send: (changed: Partial<Row>, over: Read<Row>) => Promise<string>;
  readAgain: () => Promise<Read<Row>>;
  /** Keeps what is typed, over what is there now. */
  rebase: (now: Read<Row>, typed: Row) => void;
  saved: () => void;
}

interface Saving<Row extends Fields> extends Commands {
  save: (read: Read<Row>, typed: Row) => Promise<void>;
  /** What it asks; undefined if it asks nothing. */
  dialog: React.ReactNode;
}

export function useSaving<Row extends Fields>(given: Saved<Row>): Saving<Row> {
  const { title, label, send, readAgain, rebase, saved } = given;
  const shared = useText();
  const commands = useCommands();
  const [clash, setClash] = useState<Clash<Row> & { from: Row; typed: Row }>();
  const save = async (read: Read<Row>, typed: Row) => {
    const sendAndTell = async (changed: Partial<Row>, over: Read<Row>) =>
      tell(shared("do.result", { name: title, message: await send(changed, over) }));
    let found: Clash<Row> | undefined;
    const work = saveOver(read, typed, sendAndTell, readAgain).then((clash) => {
      found = clash;
    });
    if (!(await commands.attempt(title, work))) return;
    if (found) setClash({ ...found, from: read.row, typed });
    else saved();
  };
  const dialog = clash && (
    <Asking
      title={title}
      label={label}
      clash={clash}
      typed={clash.typed}
      keepMine={() => {
        const mine = rebased(clash.from, clash.typed, clash.now.row);
        setClash(undefined);
        rebase(clash.now, mine);
        void save(clash.now, mine);
      }}
      takeTheirs={() => {
        const mine = rebased(clash.from, clash.typed, clash.now.row);
        const theirs = Object.fromEntries(clash.fields.map((field) => [field, clash.now.row[field]]));
        setClash(undefined);
        rebase(clash.now, { ...mine, ...theirs });
      }}
      close={() => setClash(undefined)}
    />
  );
  return { ...commands, save, dialog };
}

function Asking<Row extends Fields>({
  title,
  label,
  clash: { now, fields },
  typed,
  keepMine,
  takeTheirs,
  close,
}: {
  title: string;
  label: (field: keyof Row & string) => string;
  clash: Clash<Row>;
  typed: Row;
  keepMine: () => void;
  takeTheirs: () => void;
  close: () => void;
}) {
  const text = useResourceText();
  const shared = useText();
  return (
    <Dialog label={text("clash.title")} close={close} className={css.clash}>
      <div className={parts.stack}>
        <h2>{text("clash.title")}</h2>
        <p>{text("clash.text", { name: title })}</p>
        {fields.map((field) => (
          <dl key={field}>
            <dt>{text("clash.theirs", { field: label(field) })}</dt>
            <dd>{now.row[field] || "—"}</dd>
            <dt>{text("clash.mine", { field: label(field) })}</dt>
            <dd>{typed[field] || "—"}</dd>
          </dl>
        ))}
        <div className={parts.row}>
          <Button kind="primary" onClick={keepMine}>
            {text("clash.keepMine")}
          </Button>
          <Button onClick={takeTheirs}>{text("clash.takeTheirs")}</Button>
          <Button onClick={close}>{shared("do.cancel")}</Button>
        </div>
      </div>
    </Dialog>
  );
}
