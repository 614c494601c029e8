/** A document of this build, which the server knows by its id. Made by `npm run generate` from the `.graphql` files. */
import type { TypedDocumentString } from "../gql/graphql";

export type Operation<Result, Variables> = TypedDocumentString<Result, Variables>;

interface Generated {
  __meta__: { hash: string };
}

export function documentId(operation: object): string {
  return (operation as Generated).__meta__.hash;
}
