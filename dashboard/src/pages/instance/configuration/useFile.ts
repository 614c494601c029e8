/** What parts of the page need to know of an open file. They are told when that changes, and not of each key that is typed. */
import { useCallback, useSyncExternalStore } from "react";
import type { OpenFile } from "./file";
import { type Content, isChanged } from "./work";

function useSelected<Value extends string | boolean | Content | undefined>(
  file: OpenFile,
  select: (file: OpenFile) => Value,
): Value {
  const subscribe = useCallback(
    (changed: () => void) => {
      const unwatch = [file.work, file.understood, file.latest].map((store) => store.subscribe(changed));
      return () => {
        for (const stop of unwatch) stop();
      };
    },
    [file],
  );
  return useSyncExternalStore(subscribe, () => select(file));
}

const baseOf = ({ work }: OpenFile) => work.get().base;
const changedIn = ({ work }: OpenFile) => isChanged(work.get());
const keptIn = ({ work }: OpenFile) => work.get().kept;

function isChecked({ work, understood }: OpenFile): boolean {
  const found = understood.get();
  return found !== undefined && found.text === work.get().text && !found.error;
}

/** The server has understood the text as it is now, and all changes from the form are in it. */
export function isSettled(file: OpenFile): boolean {
  return isChecked(file) && file.work.get().edits.length === 0;
}

function conflictIn({ work, latest }: OpenFile): string | undefined {
  const { base } = work.get();
  const now = latest.get();
  return base && now && now.etag !== base.etag && isChanged(work.get()) ? now.etag : undefined;
}

export const useBase = (file: OpenFile) => useSelected(file, baseOf);
/** Whether there is unsaved work. */
export const useChanged = (file: OpenFile) => useSelected(file, changedIn);
/** Whether a reload would keep it. */
export const useKept = (file: OpenFile) => useSelected(file, keptIn);
/** Whether the server has understood the text as it is now. */
export const useChecked = (file: OpenFile) => useSelected(file, isChecked);
export const useSettled = (file: OpenFile) => useSelected(file, isSettled);
/** The etag of what somebody else has made of the file meanwhile; undefined if nobody has. */
export const useConflict = (file: OpenFile) => useSelected(file, conflictIn);
