/** The folders on the way to where one is, as links. */
import { Link } from "wouter";
import css from "./files.module.css";
import { wayTo } from "./paths";
import { useFilesText } from "./texts";

export function folderAddress(instanceId: string, path: string): string {
  return `/instances/${instanceId}/files${path ? `?${new URLSearchParams({ path })}` : ""}`;
}

export function fileAddress(instanceId: string, file: string): string {
  return `/instances/${instanceId}/files?${new URLSearchParams({ file })}`;
}

export function Way({ instanceId, path }: { instanceId: string; path: string }) {
  const text = useFilesText();
  const steps = [{ name: text("files.top"), path: "" }, ...wayTo(path)];
  return (
    <nav aria-label={text("files.path")}>
      <ol className={css.way}>
        {steps.map((step, index) => (
          <li key={step.path}>
            {index === steps.length - 1 ? (
              <span aria-current="location">{step.name}</span>
            ) : (
              <Link href={folderAddress(instanceId, step.path)}>{step.name}</Link>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
