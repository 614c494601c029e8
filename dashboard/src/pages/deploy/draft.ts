/** What is wanted of a new bot, as far as somebody has said so: the rest is what the server proposes. */
import type { DeployInstanceInput } from "../../gql/graphql";
import { useDraft } from "../../ui/useDraft";

export interface Wanted {
  recipe: string;
  version: string;
  name?: string;
  path?: string;
  /** By program, as typed. */
  ports: Readonly<Record<string, string>>;
  /** Undefined: all that there are. */
  services?: readonly string[];
  start: boolean;
}

const PROPOSED: Wanted = { recipe: "maibot", version: "latest", ports: {}, start: true };

export function useWanted() {
  return useDraft<Wanted>("deploy", PROPOSED);
}

/** `offered` are all services that there are. */
export function inputOf(
  { recipe, version, name, path, ports, services, start }: Wanted,
  offered: readonly string[],
  acceptTerms: boolean,
): DeployInstanceInput {
  return {
    recipe,
    version,
    name: name ?? "",
    path: path?.trim() ? path : null,
    port: portOf(ports.main),
    services: (services ?? offered).map((service) => ({ name: service, port: portOf(ports[service]) })),
    autoStart: start && acceptTerms,
    acceptTerms,
  };
}

/** Programs for which a port was typed that is taken, with the free one that the server proposes. */
export function otherPorts(
  { ports }: Wanted,
  problems: readonly { port: number | null }[],
  proposed: readonly { name: string; port: number }[],
): { name: string; port: number }[] {
  const taken = new Set(problems.map(({ port }) => port));
  return proposed.filter(({ name }) => ports[name]?.trim() && taken.has(portOf(ports[name])));
}

/** What is no number is refused by the server, with its words. */
export function portOf(typed: string | undefined): number | null {
  if (!typed?.trim()) return null;
  const port = Number(typed);
  return Number.isInteger(port) && port >= 0 && port <= 1_000_000 ? port : 0;
}
