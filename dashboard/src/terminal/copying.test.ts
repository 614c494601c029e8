import { expect, test } from "vitest";
import { withoutTrailing } from "./copying";

test("spaces at the ends of lines are not copied, and those within and before are", () => {
  expect(withoutTrailing("  a  b   \n\u00a0\n\tc\t \nd")).toBe("  a  b\n\n\tc\nd");
});
