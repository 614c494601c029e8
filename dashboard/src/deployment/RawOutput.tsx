/** What git, uv and the others print in the terminal of a deployment, which nobody needs as long as all goes well. */
import { lazy, Suspense, useState } from "react";
import { Skeleton } from "../ui/parts";
import css from "./deployment.module.css";
import { useDeploymentText } from "./texts";

const Terminal = lazy(() =>
  import("../terminal/PlainTerminal").then(({ PlainTerminal }) => ({ default: PlainTerminal })),
);

export function RawOutput({ instanceId }: { instanceId: string }) {
  const text = useDeploymentText();
  const [open, setOpen] = useState(false);
  return (
    <details className={css.raw} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text("progress.raw")}</summary>
      {open && (
        <Suspense fallback={<Skeleton label={text("progress.raw")} lines={8} />}>
          <Terminal sessionId={`${instanceId}_deploy`} name={text("progress.raw")} readOnly />
        </Suspense>
      )}
    </details>
  );
}
