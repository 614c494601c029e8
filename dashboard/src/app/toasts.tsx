/** What commands came to: shown for a while, failures until they are closed. */
import { useText } from "../i18n/text";
import { Button, css } from "../ui/parts";
import { createStore, useStore } from "../ui/store";

const SHOWN_MS = 6000;

interface Toast {
  id: number;
  message: string;
  bad: boolean;
}

const toasts = createStore<readonly Toast[]>([]);
let last = 0;

export function tell(message: string, bad = false): void {
  const id = ++last;
  toasts.set([...toasts.get(), { id, message, bad }]);
  if (!bad) setTimeout(() => drop(id), SHOWN_MS);
}

function drop(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

export function Toasts() {
  const text = useText();
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {useStore(toasts).map(({ id, message, bad }) => (
        <div key={id} className={css.toast} data-bad={bad ? "" : undefined}>
          <span>{message}</span>
          <Button small onClick={() => drop(id)}>
            {text("do.close")}
          </Button>
        </div>
      ))}
    </div>
  );
}
