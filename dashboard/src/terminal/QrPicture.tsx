/** A QR code as a picture, as large as the window allows, dark on white whatever the page's colours are. */
import { useText } from "../i18n/text";
import { Dialog } from "../ui/Dialog";
import { Button } from "../ui/parts";
import type { QrCode } from "./qr";
import css from "./terminal.module.css";

const QUIET_ZONE = 4; // modules, as the standard asks for

export function QrPicture({ code, close }: { code: QrCode; close: () => void }) {
  const text = useText();
  const size = code.modules.length + 2 * QUIET_ZONE;
  const path = code.modules
    .flatMap((row, y) => row.map((dark, x) => dark && `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z`))
    .filter(Boolean)
    .join("");
  return (
    <Dialog label={text("terminal.code")} close={close} className={css.code}>
      <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={text("terminal.code")}>
        <path d={path} />
      </svg>
      <Button onClick={(event) => event.currentTarget.closest("dialog")?.close()}>{text("do.close")}</Button>
    </Dialog>
  );
}
