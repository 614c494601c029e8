import { query } from "../../api/connection";
import { ApiError } from "../../api/errors";
import { PersonDetailDocument, type PersonDetailQuery } from "../../gql/graphql";

/** A person as they are now. Throws if there is no such person any more. */
export async function readPerson(
  instanceId: string,
  id: string,
): Promise<NonNullable<PersonDetailQuery["person"]>> {
  const { person } = await query(PersonDetailDocument, { instanceId, id });
  if (!person) throw new ApiError("There is no such person any more", "RESOURCE_NOT_FOUND");
  return person;
}
