/** The machine that the server runs on. */
import { subscribe } from "../api/connection";
import { MachineDocument, type MachineNowFragment } from "../gql/graphql";
import { createStore } from "../ui/store";

export const machine = createStore<MachineNowFragment | undefined>(undefined);

export function followMachine(): () => void {
  return subscribe(
    MachineDocument,
    () => ({}),
    ({ systemMetrics }) => machine.set(systemMetrics),
  );
}
