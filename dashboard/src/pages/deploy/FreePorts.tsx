import { Button, css as parts } from "../../ui/parts";
import type { Wanted } from "./draft";
import { useDeployText } from "./texts";

/** A button for each port that is taken, which uses a free one instead. */
export function FreePorts({
  others,
  wanted,
  change,
}: {
  others: readonly { name: string; port: number }[];
  wanted: Wanted;
  change: (part: Partial<Wanted>) => void;
}) {
  const text = useDeployText();
  if (others.length === 0) return null;
  return (
    <div className={parts.row}>
      {others.map(({ name, port }) => (
        <Button key={name} small onClick={() => change({ ports: { ...wanted.ports, [name]: String(port) } })}>
          {text("deploy.usePort", { name: name === "main" ? text("deploy.main") : name, port })}
        </Button>
      ))}
    </div>
  );
}
