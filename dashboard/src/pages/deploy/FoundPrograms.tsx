import type { AddPreviewQuery } from "../../gql/graphql";
import { css as parts } from "../../ui/parts";
import css from "./deploy.module.css";
import { useDeployText } from "./texts";

type Programs = NonNullable<AddPreviewQuery["addPreview"]>["programs"];

/** Each program that was found in a folder, with its way to run. `runCommand` is the one that was given for the bot. */
export function FoundPrograms({ programs, runCommand }: { programs: Programs; runCommand: string | null }) {
  const text = useDeployText();
  return (
    <ul className={css.found} aria-label={text("deploy.programs")}>
      {programs.map(({ name, title, path, port, command, problem }) => {
        const runs = name === "main" && runCommand ? runCommand : command;
        return (
          <li key={name}>
            <span>
              <strong>{title}</strong>{" "}
              <span className={parts.dim}>
                {port === null ? text("add.noPort") : text("add.onPort", { port })}
              </span>
            </span>
            <span className={parts.dim}>{path}</span>
            {runs ? <code>{runs}</code> : <span className={parts.problem}>{problem}</span>}
          </li>
        );
      })}
    </ul>
  );
}
