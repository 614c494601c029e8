import type { ReactNode } from "react";
import { useText } from "../../../i18n/text";
import { Dialog } from "../../../ui/Dialog";
import { Button, css as parts } from "../../../ui/parts";

/** Asks before something is done that cannot be undone. */
export function Confirm({
  title,
  action,
  blocked,
  confirm,
  close,
  children,
}: {
  title: string;
  action: string;
  blocked?: boolean;
  confirm: () => void;
  close: () => void;
  children: ReactNode;
}) {
  const text = useText();
  return (
    <Dialog label={title} close={close}>
      <div className={parts.stack}>
        <h2>{title}</h2>
        {children}
        <div className={parts.row}>
          <Button
            kind="danger"
            disabled={blocked}
            onClick={() => {
              confirm();
              close();
            }}
          >
            {action}
          </Button>
          <Button onClick={close}>{text("do.cancel")}</Button>
        </div>
      </div>
    </Dialog>
  );
}
