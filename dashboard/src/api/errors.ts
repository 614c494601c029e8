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

/** The connection was lost before the answer came: nobody knows whether the command was carried out. */
export class UnknownOutcome extends Error {
  constructor() {
    super("The connection was lost before the answer came");
    this.name = "UnknownOutcome";
  }
}

/** The data of an answer. Throws the first of its errors. */
export function dataOf<Result>(answer: FormattedExecutionResult<unknown, unknown>): Result {
  const [first] = answer.errors ?? [];
  if (first) {
    const { code, field, line } = (first.extensions ?? {}) as Record<string, unknown>;
    if (code === "UNKNOWN_DOCUMENT") outdated.set(true);
    throw new ApiError(
      first.message,
      typeof code === "string" ? code : "INTERNAL_ERROR",
      typeof field === "string" ? field : undefined,
      typeof line === "number" ? line : undefined,
    );
  }
  return answer.data as Result;
}
