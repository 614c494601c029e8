/** The browser's own dialog: it holds the focus, closes on Escape, and gives the focus back. It stays if `close` keeps it. */
import { type ReactNode, useCallback } from "react";

export function Dialog({
  label,
  close,
  className,
  children,
}: {
  label: string;
  close: () => void;
  className?: string | undefined;
  children: ReactNode;
}) {
  const open = useCallback((element: HTMLDialogElement | null) => {
    if (element && !element.open) element.showModal();
  }, []);
  return (
    <dialog
      ref={open}
      aria-label={label}
      className={className}
      onClose={({ currentTarget: element }) => {
        close();
        setTimeout(() => element.isConnected && !element.open && element.showModal());
      }}
      // `close` comes a little later than Escape: what is opened by a key in between would be closed with it.
      onCancel={(event) => event.target === event.currentTarget && close()}
      onClick={(event) => event.target === event.currentTarget && close()}
      onKeyDown={(event) => event.stopPropagation()}
    >
      {children}
    </dialog>
  );
}
