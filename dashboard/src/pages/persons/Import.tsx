/** Imports a file: first it is checked, and what would become of each line is shown; then it is imported, with a report. */
import { useRef, useState } from "react";
import { ApiError } from "../../api/errors";
import { useCommands } from "../../app/useCommand";
import { useNumbers } from "../../i18n/numbers";
import { useText } from "../../i18n/text";
import { Dialog } from "../../ui/Dialog";
import { askBeforeLeaving } from "../../ui/leaving";
import { Button, css as parts } from "../../ui/parts";
import { useDraft } from "../../ui/useDraft";
import css from "./persons.module.css";
import { ReportView } from "./ReportView";
import { type Import as Importing, type Report, send } from "./report";
import { usePersonText } from "./texts";

type State =
  | { is: "none" }
  | { is: "checking" | "importing" }
  | { is: "preview" | "report"; report: Report }
  | { is: "notRead"; message: string }
  | { is: "unknown" };

const POLICIES = ["fail", "skip", "update"] as const;
type Choices = Pick<Importing, "format" | "existing">;

export function Import({
  instanceId,
  imported,
  close,
}: {
  instanceId: string;
  imported: () => void;
  close: () => void;
}) {
  const text = usePersonText();
  const shared = useText();
  const numbers = useNumbers();
  const { refused } = useCommands();
  const [file, setFile] = useState<File>();
  const [state, setState] = useState<State>({ is: "none" });
  const { value, change, forget } = useDraft<Choices & { chosen: string }>(`import.${instanceId}`, {
    format: "jsonl",
    existing: "skip",
    chosen: "",
  });
  const running = useRef<AbortController>(undefined);
  const working = state.is === "checking" || state.is === "importing";

  const begin = async (chosen: File | undefined, choices: Choices, dryRun: boolean) => {
    running.current?.abort();
    if (!chosen) return;
    const controller = new AbortController();
    running.current = controller;
    setState({ is: dryRun ? "checking" : "importing" });
    if (!dryRun) askBeforeLeaving(controller, true); // the report would be lost
    let next: State;
    try {
      const report = await send({ instanceId, file: chosen, ...choices, dryRun }, controller.signal);
      next = { is: dryRun ? "preview" : "report", report };
      if (!dryRun) change({ chosen: "" });
    } catch (error) {
      const message = error instanceof ApiError ? error.message : text("import.noAnswer");
      next = dryRun || error instanceof ApiError ? { is: "notRead", message } : { is: "unknown" };
    }
    if (!dryRun) {
      askBeforeLeaving(controller, false);
      imported();
    }
    if (running.current === controller) setState(next);
  };
  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    const format = chosen?.name.toLowerCase().endsWith(".csv") ? "csv" : "jsonl";
    if (chosen) change({ format, chosen: chosen.name });
    void begin(chosen, { ...value, format }, true);
  };
  const set = (part: Partial<Choices>) => {
    change(part);
    void begin(file, { ...value, ...part }, true);
  };
  const leave = () => {
    if (state.is === "importing") return; // its report would be lost
    running.current?.abort();
    forget();
    close();
  };
  const counts = state.is === "preview" ? state.report.counts : undefined;
  const valid = counts ? counts.created + counts.updated : 0;
  const size = numbers.bytes(file?.size ?? 0);
  return (
    <Dialog label={text("import.title")} close={leave} className={css.import}>
      <div className={css.form}>
        <h2>{text("import.title")}</h2>
        <label className={parts.field}>
          {text("import.file")}
          <input
            type="file"
            accept=".jsonl,.ndjson,.json,.csv,application/jsonl,text/csv"
            disabled={working || refused !== undefined}
            title={refused}
            onChange={(event) => choose(event.target.files?.[0])}
          />
        </label>
        {value.chosen && !file && (
          <p className={parts.dim}>{text("import.fileLost", { name: value.chosen })}</p>
        )}
        <div className={parts.row}>
          <label className={parts.field}>
            {text("import.format")}
            <select
              value={value.format}
              disabled={state.is === "importing"}
              onChange={(event) => set({ format: event.target.value as Choices["format"] })}
            >
              <option value="jsonl">JSON Lines</option>
              <option value="csv">CSV</option>
            </select>
          </label>
          <label className={parts.field}>
            {text("import.existing")}
            <select
              value={value.existing}
              disabled={state.is === "importing"}
              onChange={(event) => set({ existing: event.target.value as Choices["existing"] })}
            >
              {POLICIES.map((policy) => (
                <option key={policy} value={policy}>
                  {text(`import.${policy}`)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div role="status">
          {state.is === "checking" && <p>{text("import.checking", { size })}</p>}
          {state.is === "importing" && <p>{text("import.importing", { size })}</p>}
          {state.is === "preview" && <p>{text("import.preview")}</p>}
          {state.is === "report" && <p>{text("import.report")}</p>}
        </div>
        {state.is === "notRead" && <p role="alert">{text("import.notRead", { message: state.message })}</p>}
        {state.is === "unknown" && <p role="alert">{text("import.unknown")}</p>}
        {(state.is === "preview" || state.is === "report") && <ReportView report={state.report} />}
        <div className={parts.row}>
          {state.is === "preview" && (
            <Button
              kind="primary"
              disabled={valid === 0 || refused !== undefined}
              title={refused}
              onClick={() => void begin(file, value, false)}
            >
              {valid ? text("import.start", { count: numbers.count(valid) }) : text("import.nothing")}
            </Button>
          )}
          {(state.is === "notRead" || state.is === "unknown") && file && (
            <Button
              kind="primary"
              disabled={refused !== undefined}
              title={refused}
              onClick={() => void begin(file, value, true)}
            >
              {text("import.again")}
            </Button>
          )}
          <Button disabled={state.is === "importing"} onClick={leave}>
            {shared("do.close")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
