import { Link } from "wouter";
import { useText } from "../i18n/text";
import { css } from "../ui/parts";

export function NotFound() {
  const text = useText();
  return (
    <div className={css.card}>
      <h1>{text("notFound.title")}</h1>
      <p>
        <Link href="/">{text("bot.back")}</Link>
      </p>
    </div>
  );
}
