/** What is too large for one message of the socket goes in a request of its own. */
import { language } from "../i18n/language";
import { answerIn, dataOf } from "./errors";
import { documentId, type Operation } from "./operation";

/** The server takes messages of 1 MiB; a character takes up to three bytes of it. */
const MESSAGE_CHARACTERS = 150_000;

export function isLarge(variables: unknown): boolean {
  return JSON.stringify(variables).length > MESSAGE_CHARACTERS;
}

/** The answer. Fails with a TypeError if the server cannot be reached, or does not answer. */
export async function post<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": language.get() },
    body: JSON.stringify({ documentId: documentId(operation), variables }),
  });
  return dataOf<Result>(answerIn(answer.status, answer.statusText, await answer.text()));
}
