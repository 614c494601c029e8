/** What a terminal has printed, as text that can be read, searched and copied: back to the oldest byte that is kept. */
import { useSearchParams } from "wouter";
import { useText } from "../i18n/text";
import { LogSearch } from "../search/LogSearch";
import { LogText } from "./LogText";
import css from "./terminal.module.css";

export default function LogView({ instanceId, sessionId }: { instanceId: string; sessionId: string }) {
  const text = useText();
  const [parameters] = useSearchParams();
  const given = parameters.get("at");
  const at = given !== null && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
  const places = [
    { within: sessionId, name: text("search.terminal") },
    { within: instanceId, name: text("search.bot") },
    { within: "all", name: text("search.all") },
  ];
  return (
    <div className={css.frame}>
      <LogSearch places={places} />
      <LogText key={`${sessionId} ${at}`} sessionId={sessionId} at={at} />
    </div>
  );
}
