/** What all fields of the form have in common. */
import { useState } from "react";

export interface FieldProps {
  id: string;
  described: string;
  settled: boolean;
  readOnly: boolean;
  name: string;
  set: (value: unknown) => void;
}

/** What is typed, until the text has it; then what the text has. */
export function useTyped<Kind>(written: Kind, settled: boolean): [Kind, (typed: Kind) => void] {
  const [typed, setTyped] = useState<{ value: Kind }>();
  if (settled && typed) setTyped(undefined);
  return [typed && !settled ? typed.value : written, (value) => setTyped({ value })];
}
