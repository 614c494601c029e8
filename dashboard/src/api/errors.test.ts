import { expect, test } from "vitest";
import { answerIn, dataOf, errorIn } from "./errors";

test("the error of a route, and the page of a proxy, are errors like any other", () => {
  const refused = '{"success":false,"error":{"code":"DUPLICATE_RESOURCE","message":"exists","field":"name"}}';
  expect(errorIn(answerIn(409, "Conflict", refused))).toMatchObject({
    code: "DUPLICATE_RESOURCE",
    message: "exists",
    field: "name",
  });
  const page = "<html>413 Request Entity Too Large</html>";
  expect(errorIn(answerIn(413, "Request Entity Too Large", page))).toMatchObject({
    code: "CONNECTION_FAILED",
    message: "HTTP 413 Request Entity Too Large",
  });
  expect(() => dataOf(answerIn(200, "", ""))).toThrow("HTTP 200");
  expect(dataOf(answerIn(200, "OK", '{"data":{"a":1}}'))).toEqual({ a: 1 });
});
