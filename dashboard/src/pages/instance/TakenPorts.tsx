/** The ports of a failed bot that others use, with free ones instead; nothing while none is taken. */
import { useState } from "react";
import { command } from "../../api/connection";
import { isDenied } from "../../api/errors";
import type { Read } from "../../api/useQuery";
import { tell } from "../../app/toasts";
import { useCommands } from "../../app/useCommand";
import {
  MovePortsDocument,
  type MovePortsMutation,
  StartDocument,
  type TakenPortsOfQuery,
} from "../../gql/graphql";
import { useText } from "../../i18n/text";
import type { Instance } from "../../live/instances";
import { Button, css as parts, Unread } from "../../ui/parts";
import css from "./instance.module.css";
import { useInstanceText } from "./texts";

type Moved = NonNullable<MovePortsMutation["movePorts"]>["ports"];

export function TakenPorts({ instance, read }: { instance: Instance; read: Read<TakenPortsOfQuery> }) {
  const text = useText();
  const texts = useInstanceText();
  const { attempt, run, busy, refused } = useCommands();
  const [moved, setMoved] = useState<Moved>([]);
  const taken = read.data?.takenPorts ?? [];
  const nameOf = (name: string) => (name === "main" ? texts("ports.main") : name);
  const free = taken.flatMap((each) => each.free ?? []);
  const waits = moved.length > 0 && [instance, ...instance.services].some(({ failure }) => failure);
  if (isDenied(read.error)) return null;
  if (read.error) return <Unread error={read.error} again={read.again} />;
  if (taken.length === 0 && !waits) return null;
  const move = async (ports: { name: string; port: number }[] | null) => {
    const work = command(MovePortsDocument, { id: instance.id, ports }).then(({ movePorts }) => {
      setMoved(ports === null ? (movePorts?.ports ?? []) : []);
      tell(text("do.result", { name: instance.name, message: movePorts?.message ?? "" }));
    });
    await attempt(instance.name, work);
    read.again();
  };
  return (
    <section className={`${parts.card} ${css.trouble}`} aria-label={texts("ports.title")}>
      <h2>{texts("ports.title")}</h2>
      {taken.map(({ name, port, owner, free }) => (
        <p key={name}>
          {texts("ports.taken", { name: nameOf(name), port, owner })}{" "}
          {free === null && texts("ports.unwritten")}
        </p>
      ))}
      {taken.length === 0 &&
        moved.map(({ name, former, port }) => (
          <p key={name}>{texts("ports.moved", { name: nameOf(name), former, port })}</p>
        ))}
      {free.length > 0 && <p className={parts.dim}>{texts("ports.explain")}</p>}
      <div className={parts.row}>
        {free.length > 0 && (
          <Button
            kind="primary"
            disabled={busy || refused !== undefined}
            title={refused}
            onClick={() => void move(null)}
          >
            {texts("ports.use", { ports: free.join(", ") })}
          </Button>
        )}
        {taken.length === 0 && (
          <>
            {instance.failure && (
              <Button
                kind="primary"
                disabled={busy || refused !== undefined}
                title={refused}
                onClick={() => void run(instance.name, StartDocument, { id: instance.id })}
              >
                {text("do.start")}
              </Button>
            )}
            <Button
              disabled={busy || refused !== undefined}
              title={refused}
              onClick={() => void move(moved.map(({ name, former }) => ({ name, port: former })))}
            >
              {texts("ports.undo", { ports: moved.map(({ former }) => former).join(", ") })}
            </Button>
          </>
        )}
      </div>
    </section>
  );
}
