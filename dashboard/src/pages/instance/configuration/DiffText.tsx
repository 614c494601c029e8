/** A unified diff of the server, in which secrets are hidden already. */
import css from "./configuration.module.css";
import { useConfigText } from "./texts";

const KINDS = { "+": "added", "-": "removed", "@": "place" } as const;

export function DiffText({ diff }: { diff: string }) {
  const text = useConfigText();
  const lines = diff.split("\n").slice(2, -1); // the names of the files are known
  if (lines.length === 0) return <p>{text("config.noDifference")}</p>;
  const keyed = lines.map((line, at) => ({ key: `${at}`, line }));
  return (
    <pre className={css.diff}>
      {keyed.map(({ key, line }) => (
        <span key={key} data-kind={KINDS[line[0] as keyof typeof KINDS]}>
          {line}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}
