/** What a bot's programs have printed, as text that can be read, searched and copied: back to the oldest byte that is kept. */
import { useSearchParams } from "wouter";
import { useText } from "../i18n/text";
import type { Instance } from "../live/instances";
import { inTerminal } from "../search/filters";
import { LogSearch } from "../search/LogSearch";
import { css as parts } from "../ui/parts";
import { LogText } from "./LogText";
import type { Beginning } from "./logReader";
import css from "./terminal.module.css";

export default function LogView({ instance }: { instance: Instance }) {
  const text = useText();
  const [parameters, setParameters] = useSearchParams();
  const chosen = parameters.get("terminal") ?? "main";
  const session = instance.terminals.find(({ name }) => name === chosen) ?? instance.terminals[0];
  const from = beginningIn(parameters);
  if (!session) return null;
  const { sessionId } = session;
  const places = [
    { within: sessionId, name: text("search.terminal") },
    { within: instance.id, name: text("search.bot") },
    { within: "all", name: text("search.all") },
  ];
  return (
    <div className={css.frame}>
      {instance.terminals.length > 1 && (
        <fieldset className={parts.tabs} aria-label={text("terminal.choose")}>
          {instance.terminals.map(({ name }) => (
            <button
              key={name}
              type="button"
              className={parts.tab}
              aria-current={name === session.name ? "page" : undefined}
              onClick={() => setParameters((before) => inTerminal(before, name), { replace: true })}
            >
              {name === "main" ? text("bot.main") : name}
            </button>
          ))}
        </fieldset>
      )}
      <LogSearch places={places} />
      <LogText key={`${sessionId} ${JSON.stringify(from)}`} sessionId={sessionId} from={from} />
    </div>
  );
}

/** `at` is an offset, `time` milliseconds since 1970. */
function beginningIn(parameters: URLSearchParams): Beginning | undefined {
  const [at, time] = ["at", "time"].map((name) => {
    const given = parameters.get(name);
    return given !== null && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
  });
  if (at !== undefined) return { at };
  return time === undefined ? undefined : { since: new Date(time).toISOString() };
}
