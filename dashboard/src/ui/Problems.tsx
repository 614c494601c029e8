import { css as parts } from "./parts";

interface Problem {
  field: string | null;
  message: string;
}

/** Why a command would be refused, as far as that is due to one field of its form, or, without `field`, to none. */
export function Problems({
  of,
  field,
  fields = [],
  id,
}: {
  of: readonly Problem[];
  field?: string;
  /** Those that the form has beside their input. */
  fields?: readonly string[];
  id?: string;
}) {
  const shown = of.filter((problem) =>
    field ? problem.field === field : !problem.field || !fields.includes(problem.field),
  );
  if (shown.length === 0) return null;
  return (
    <div id={id} className={parts.problem} role="alert">
      {shown.map(({ message }) => (
        <p key={message}>{message}</p>
      ))}
    </div>
  );
}
