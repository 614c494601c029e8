import { useEffect, useState } from "react";

const SETTLED_MS = 250;

/** The value once it has stayed the same for a moment: what is being typed is not asked about at each key. */
export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
