import { AcceptTermsDocument, RestartDocument } from "../gql/graphql";
import { isUp } from "../live/condition";
import type { Instance } from "../live/instances";
import type { Commands } from "./useCommand";

/** Accepts a bot's terms. One that runs and asks for them sees that only when it starts, so it is restarted. */
export async function acceptTerms(run: Commands["run"], instance: Instance): Promise<void> {
  const { id, name } = instance;
  if ((await run(name, AcceptTermsDocument, { id })) && isUp(instance))
    await run(name, RestartDocument, { id });
}
