/** The content of a file on the server, read again whenever it may have changed: the bot and editors change it too. */

import { useSyncExternalStore } from "react";
import { useQuery } from "../../../api/useQuery";
import { ConfigEtagDocument, ConfigTextDocument } from "../../../gql/graphql";
import { events } from "../../../live/events";
import { useStore } from "../../../ui/store";

const LOOK_MS = 10_000;

let looks = 0;

/** Tells that time has passed, while somebody looks, and at once when somebody looks again. */
function subscribe(changed: () => void): () => void {
  const look = () => {
    if (document.hidden) return;
    looks += 1;
    changed();
  };
  const timer = setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
    removeEventListener("focus", look);
  };
}

export function useContent(id: string, name: string) {
  const now = useSyncExternalStore(subscribe, () => looks);
  const latest = useStore(events)?.find(({ instanceId }) => instanceId === id)?.id;
  const seen = useQuery(ConfigEtagDocument, { id, name }, `${latest} ${now}`);
  return useQuery(ConfigTextDocument, { id, name }, seen.data?.configFile?.etag);
}
