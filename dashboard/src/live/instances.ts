/** All instances as they are now: read once for each connection, then kept by the changes that the server tells. */
import { connections, query, subscribe } from "../api/connection";
import { InstanceChangedDocument, type InstanceRowFragment, InstancesDocument } from "../gql/graphql";
import { createStore } from "../ui/store";

export type Instance = InstanceRowFragment;

export interface Instances {
  /** By id, in the order of the server's list. */
  byId: ReadonlyMap<string, Instance>;
  /** When this was last known to be so, in milliseconds. Undefined: nothing was read yet. */
  at: number | undefined;
  error: Error | undefined;
}

export const instances = createStore<Instances>({ byId: new Map(), at: undefined, error: undefined });

// Changes of one frame become one change of the list: fifty a second would draw it fifty times.
const waiting = new Map<string, Instance | null>();

function take(id: string, instance: Instance | null): void {
  if (waiting.size === 0) requestAnimationFrame(merge);
  waiting.set(id, instance);
}

function merge(): void {
  const byId = new Map(instances.get().byId);
  for (const [id, instance] of waiting) {
    if (instance === null) byId.delete(id);
    else byId.set(id, instance);
  }
  waiting.clear();
  instances.set({ byId, at: Date.now(), error: undefined });
}

function read(): void {
  waiting.clear();
  query(InstancesDocument, {}).then(
    ({ instances: found }) => {
      // What changed since the list was made stands behind it.
      const byId = new Map(found.map((instance) => [instance.id, instance] as const));
      for (const [id, instance] of waiting) {
        if (instance === null) byId.delete(id);
        else byId.set(id, instance);
      }
      waiting.clear();
      instances.set({ byId, at: Date.now(), error: undefined });
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
