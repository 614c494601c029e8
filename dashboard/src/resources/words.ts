/** The words between commas, of either language. */
export function listOf(typed: string): string[] {
  return typed
    .split(/[,，]/)
    .map((word) => word.trim())
    .filter(Boolean);
}
