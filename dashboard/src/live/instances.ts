/** All instances as they are now: read once for each connection, then kept by the changes that the server tells. */
import { connections, query, subscribe } from "../api/connection";
import { InstanceChangedDocument, type InstanceRowFragment, InstancesDocument } from "../gql/graphql";
import { createStore } from "../ui/store";

export type Instance = InstanceRowFragment;

interface Instances {
  /** By id, in the order of the server's list. */
  byId: ReadonlyMap<string, Instance>;
  /** When this was last known to be so, in milliseconds. Undefined: nothing was read yet. */
  at: number | undefined;
  error: Error | undefined;
}

/** What changed, by id; null is gone. */
type Changes = Map<string, Instance | null>;

export const instances = createStore<Instances>({ byId: new Map(), at: undefined, error: undefined });

// Changes of one frame become one change of the list: fifty a second would draw it fifty times.
let waiting: Changes = new Map();
// The answer to a list is made for a while, and may be older than a change that comes before it.
let sinceAsked: Changes | undefined;

function take(id: string, instance: Instance | null): void {
  if (waiting.size === 0) requestAnimationFrame(merge);
  waiting.set(id, instance);
  sinceAsked?.set(id, instance);
}

function merge(): void {
  show(new Map(instances.get().byId), waiting);
  waiting = new Map();
}

/** When each instance was first seen in the status that it has. */
const statusSince = new Map<string, { status: string; at: number }>();

/** Since when an instance has had its status, as far as this page has seen it, in milliseconds. */
export function since({ id, status }: Instance): number {
  const known = statusSince.get(id);
  if (known?.status === status) return known.at;
  const at = Date.now();
  statusSince.set(id, { status, at });
  return at;
}

function show(byId: Map<string, Instance>, changes: Changes): void {
  for (const [id, instance] of changes) {
    if (instance === null) {
      byId.delete(id);
      statusSince.delete(id);
    } else {
      byId.set(id, instance);
      since(instance);
    }
  }
  instances.set({ byId, at: Date.now(), error: undefined });
}

function read(): void {
  const since: Changes = new Map();
  sinceAsked = since;
  query(InstancesDocument, {}).then(
    ({ instances: found }) => {
      if (sinceAsked !== since) return; // asked again meanwhile
      sinceAsked = undefined;
      show(new Map(found.map((instance) => [instance.id, instance])), since);
    },
    (error: Error) => instances.set({ ...instances.get(), error }),
  );
}

/** Follows the instances for as long as the page lives. */
export function followInstances(): void {
  subscribe(
    InstanceChangedDocument,
    () => ({}),
    ({ instanceChanged: { id, instance } }) => take(id, instance),
  );
  connections.subscribe(read);
}
