/** What was dropped or chosen: files with their ways through the folders that came with them. */

/** As many are uploaded at once; who has more packs them. */
export const FILES_MOST = 5000;

export interface Dropped {
  /** `way` is the folder that came with the file, empty for a file that came by itself. Names are as the system has them. */
  files: readonly { file: File; way: string }[];
  /** Folders without anything in them. */
  empty: readonly string[];
  /** What could not be read. */
  unread: readonly string[];
  /** There was more, which was not read. */
  more: boolean;
}

/** The entries are taken while the drop is told: the browser forgets them after that. */
export function entriesOf(items: DataTransferItemList): (FileSystemEntry | File)[] {
  return [...items]
    .map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
    .filter((entry) => entry !== null);
}

/** What was chosen with a field for files or for a folder. */
export function chosen(list: Iterable<File>): Dropped {
  const all = [...list];
  const files = all
    .slice(0, FILES_MOST)
    .map((file) => ({ file, way: file.webkitRelativePath.split("/").slice(0, -1).join("/") }));
  return { files, empty: [], unread: [], more: all.length > FILES_MOST };
}

export async function read(entries: readonly (FileSystemEntry | File)[]): Promise<Dropped> {
  const files: { file: File; way: string }[] = [];
  const empty: string[] = [];
  const unread: string[] = [];
  const left = entries.map((entry) => ({ entry, way: "" })).reverse();
  for (let next = left.pop(); next; next = left.pop()) {
    const { entry, way } = next;
    if (files.length + empty.length >= FILES_MOST) return { files, empty, unread, more: true };
    const path = way ? `${way}/${entry.name}` : entry.name;
    try {
      if (entry instanceof File) files.push({ file: entry, way });
      else if (entry.isDirectory) {
        const inside = await inFolder(entry as FileSystemDirectoryEntry);
        if (inside.length === 0) empty.push(path);
        left.push(...inside.map((one) => ({ entry: one, way: path })).reverse());
      } else files.push({ file: await fileOf(entry as FileSystemFileEntry), way });
    } catch {
      unread.push(path);
    }
  }
  return { files, empty, unread, more: false };
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((found, failed) => entry.file(found, failed));
}

/** A reader tells a part at each call, and nothing when there is no more. */
async function inFolder(entry: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = entry.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((found, failed) => reader.readEntries(found, failed));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
