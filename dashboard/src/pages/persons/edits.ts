/** Edits of many persons at once, which can be undone for a while: those who were changed again meanwhile stay as they are. */
import { command } from "../../api/connection";
import { type EditPersonsMutation, type PersonChangeInput, UndoEditsDocument } from "../../gql/graphql";
import { createOffers, type Offers } from "../../resources/offers";
import { portions } from "../../resources/portions";
import { inexactIn, type Profile, valueAt } from "./profile";

const UNDOABLE_MS = 60_000;

type Done = NonNullable<EditPersonsMutation["updatePersons"]>;
type Emptied = "username" | "nickname" | "avatarUrl";

export interface PersonEdits {
  all: Offers<PersonChangeInput>["all"];
  /** Takes note of what the commands of one edit have done. */
  begin(profile: Profile, emptied: readonly Emptied[]): (done: Done) => void;
  /** How many are what they were, and how many stay: as others changed them, or as this page cannot write what they had. */
  undo(number: number): Promise<{ done: number; kept: number; inexact: number }>;
  forget(number: number): void;
}

const opened = new Map<string, PersonEdits>();

/** Those of a bot: an edit of many persons goes on while other pages are shown. */
export function editsOf(instanceId: string): PersonEdits {
  const found = opened.get(instanceId) ?? createEdits(instanceId);
  opened.set(instanceId, found);
  return found;
}

export function createEdits(instanceId: string): PersonEdits {
  const offers = createOffers<PersonChangeInput>(`mailauncher.edits.persons.${instanceId}`, Math.max);
  return {
    all: offers.all,
    begin: (profile, emptied) => {
      const number = offers.next();
      return (done) => offers.add(number, inverseOf(done, profile, emptied), Date.now() + UNDOABLE_MS);
    },
    undo: async (number) => {
      const result = { done: 0, kept: 0 };
      const items = offers.find(number)?.items ?? [];
      const inexact = items.filter(({ profile }) => inexactIn(profile) !== undefined);
      for (const persons of portions(items.filter((item) => !inexact.includes(item)))) {
        const { updatePersons } = await command(UndoEditsDocument, { instanceId, persons });
        const done = updatePersons?.persons.length ?? 0;
        result.done += done;
        result.kept += persons.length - done;
        offers.take(number, persons);
      }
      offers.take(number, inexact);
      return { ...result, inexact: inexact.length };
    },
    forget: offers.forget,
  };
}

/** The changes after which the persons have again what they had of the changed keys and emptied fields. */
function inverseOf(
  { persons, former }: Done,
  profile: Profile,
  emptied: readonly Emptied[],
): PersonChangeInput[] {
  const keys = Object.keys(profile);
  return former.map((before, at) => {
    const had = before.profile as Profile;
    return {
      id: before.id,
      ifMatch: persons[at]?.etag ?? null,
      profile: Object.fromEntries(keys.map((key) => [key, valueAt(had, key) ?? null])),
      ...Object.fromEntries(emptied.map((field) => [field, before[field]])),
    };
  });
}
