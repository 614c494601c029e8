/** The ways into the bot's own page and those of its services, with whether something listens there. */
import { useState } from "react";
import { query } from "../../api/connection";
import { useQuery } from "../../api/useQuery";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import { DoorsDocument, DoorTokensDocument } from "../../gql/graphql";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { copy } from "../../terminal/copy";
import { useNow } from "../../ui/clock";
import { Button, css as parts, Unread } from "../../ui/parts";
import css from "./instance.module.css";
import { useInstanceText } from "./texts";

const READ_EVERY_MS = 10_000;
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

export function Doors({ instance }: { instance: Instance }) {
  const text = useInstanceText();
  const { id, status, ready, services } = instance;
  const states = [status, ready, ...services.flatMap((service) => [service.status, service.ready])].join();
  // A page may open its port some time after its program has started.
  const lately = Math.floor(useNow() / READ_EVERY_MS);
  const { data, error, again } = useQuery(DoorsDocument, { id }, `${states} ${lately}`);
  const [shown, show] = useState<string>();
  if (instance.webPages.length === 0) return null;
  const found = data?.instance?.webPages;
  const here = LOOPBACK.includes(location.hostname);
  return (
    <section className={css.doors} aria-label={text("doors.title")}>
      {instance.webPages.map(({ program, url, port }) => {
        const listening = found?.find((page) => page.program === program)?.listening;
        return (
          <div key={program} className={css.door}>
            <a href={url} target="_blank" rel="noreferrer">
              {program === "main" ? text("doors.main") : text("doors.of", { program })}
            </a>
            <span className={`${parts.badge} ${listening ? parts.good : parts.idle}`}>
              {listening === undefined
                ? text("doors.port", { port })
                : text(listening ? "doors.listening" : "doors.silent", { port })}
            </span>
            <Token id={id} program={program} shown={shown === program} show={show} />
          </div>
        );
      })}
      {error && <Unread error={error} again={again} />}
      {!here && <p className={parts.dim}>{text("doors.local")}</p>}
    </section>
  );
}

/** The password of a page, which is read only when somebody asks for it. */
function Token({
  id,
  program,
  shown,
  show,
}: {
  id: string;
  program: string;
  shown: boolean;
  show: (program: string | undefined) => void;
}) {
  const text = useInstanceText();
  const shared = useText();
  const { during, busy, refused } = useCommands();
  const [token, setToken] = useState("");
  const read = async () => {
    const { instance } = await during(query(DoorTokensDocument, { id }));
    const found = instance?.webPages.find((page) => page.program === program)?.token;
    if (!found) tell(text("doors.noToken"), true);
    return found ?? undefined;
  };
  const reveal = async () => {
    const found = await read();
    if (found) {
      setToken(found);
      show(program);
    }
  };
  const take = async () => {
    const found = await read();
    if (!found) return;
    await copy(found);
    tell(shared("do.copied"));
  };
  const failed = (error: Error) => tell(error.message, true);
  const blocked = { disabled: busy || refused !== undefined, title: refused };
  return (
    <>
      <Button small {...blocked} onClick={() => void take().catch(failed)}>
        {text("doors.copy")}
      </Button>
      {shown ? (
        <>
          <code>{token}</code>
          <Button small onClick={() => show(undefined)}>
            {text("doors.hide")}
          </Button>
        </>
      ) : (
        <Button small {...blocked} onClick={() => void reveal().catch(failed)}>
          {text("doors.show")}
        </Button>
      )}
    </>
  );
}
