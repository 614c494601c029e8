import type { FormattedExecutionResult } from "graphql-ws";
import { createStore } from "../ui/store";

/** Whether the server is of another version than this page, whose documents it does not know. */
export const outdated = createStore(false);

/** An error that the server has sent. `code` is one of docs/errors.md. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    /** The argument that is wrong, if one is. */
    readonly field: string | undefined = undefined,
    /** The line of a syntax error in a text that was given. */
    readonly line: number | undefined = undefined,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Whether an error says that this token or key may not: what it may not read is not for its user, and no trouble. */
export function isDenied(error: Error | undefined): boolean {
  return error instanceof ApiError && error.code === "PERMISSION_DENIED";
}

/** The connection was lost before the answer came: nobody knows whether the command was carried out. */
export class UnknownOutcome extends Error {
  constructor() {
    super("The connection was lost before the answer came");
    this.name = "UnknownOutcome";
  }
}

type Answer = FormattedExecutionResult<unknown, unknown>;

/** The first error of an answer; undefined if it has none. */
export function errorIn(answer: Answer): ApiError | undefined {
  const [first] = answer.errors ?? [];
  if (!first) return undefined;
  const { code, field, line } = (first.extensions ?? {}) as Record<string, unknown>;
  if (code === "UNKNOWN_DOCUMENT") outdated.set(true);
  return new ApiError(
    first.message,
    typeof code === "string" ? code : "INTERNAL_ERROR",
    typeof field === "string" ? field : undefined,
    typeof line === "number" ? line : undefined,
  );
}

/** The data of an answer. Throws the first of its errors. */
export function dataOf<Result>(answer: Answer): Result {
  const error = errorIn(answer);
  if (error) throw error;
  return answer.data as Result;
}

/** The answer to a request over HTTP. A route answers with one error; a proxy before the server may refuse what is large, with a
 * page of its own. */
export function answerIn(status: number, statusText: string, body: string): Answer {
  try {
    const answer = JSON.parse(body) as Answer & { error?: { message: string } };
    if (!answer.error) return answer;
    return { errors: [{ message: answer.error.message, extensions: { ...answer.error } }] };
  } catch {
    const message = `HTTP ${status} ${statusText}`;
    return { errors: [{ message, extensions: { code: "CONNECTION_FAILED" } }] };
  }
}
