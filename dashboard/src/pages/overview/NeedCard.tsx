import type { ReactNode } from "react";
import { Link } from "wouter";
import { useText } from "../../i18n/text";
import type { Condition } from "../../live/condition";
import type { Instance } from "../../live/instances";
import { Badge, css as parts } from "../../ui/parts";
import css from "./overview.module.css";

/** Why an instance needs somebody, with the buttons that help. */
export function NeedCard({
  instance: { id, name },
  condition,
  why,
  children,
}: {
  instance: Instance;
  condition: Condition;
  why: ReactNode;
  children?: ReactNode;
}) {
  const text = useText();
  return (
    <div className={css.need} data-tone={condition.tone}>
      <div className={parts.row}>
        <Link href={`/instances/${id}`} className={css.name}>
          {name}
        </Link>
        <Badge condition={condition} />
      </div>
      <div className={css.why}>{why}</div>
      <div className={parts.row}>
        {children}
        <Link href={`/instances/${id}`} className={`${parts.button} ${parts.small}`}>
          {text(condition.tone === "ask" ? "do.terminal" : "needs.open")}
        </Link>
      </div>
    </div>
  );
}
