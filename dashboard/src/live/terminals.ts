import type { Instance } from "./instances";

interface Owner {
  instanceId: string;
  /** Of the instance; undefined: it is gone. */
  name: string | undefined;
  /** The terminal's name, as addresses of pages have it. */
  terminal: string;
}

/** Whose terminal it is. */
export function terminalOf(sessionId: string, byId: ReadonlyMap<string, Instance>): Owner {
  const at = sessionId.lastIndexOf("_");
  const instanceId = sessionId.slice(0, at);
  const instance = byId.get(instanceId);
  const known = instance?.terminals.find((one) => one.sessionId === sessionId);
  return { instanceId, name: instance?.name, terminal: known?.name ?? sessionId.slice(at + 1) };
}
