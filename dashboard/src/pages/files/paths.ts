/** Paths in a bot's folder, as the server writes them: `\xNN` is a byte that is not UTF-8, and a backslash is doubled. */

export function joined(folder: string, name: string): string {
  return folder ? `${folder}/${name}` : name;
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The first of some names, for a message. */
export function namesOf(names: readonly string[]): string {
  return names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
}

/** What somebody has typed or a file of theirs is called, as a part of a path. */
export function escaped(name: string): string {
  return name.replaceAll("\\", "\\\\");
}

/** The folders on the way to a path, itself included, the first one first. */
export function wayTo(path: string): { name: string; path: string }[] {
  const names = path.split("/").filter(Boolean);
  return names.map((name, index) => ({ name, path: names.slice(0, index + 1).join("/") }));
}

/** The address of the bytes of a file. */
export function contentAddress(instanceId: string, path: string): string {
  return `/api/v1/files/${encodeURIComponent(instanceId)}/content?${new URLSearchParams({ path })}`;
}
