import { expect, test } from "vitest";
import { conditionOf } from "./condition";

const program = { status: "RUNNING", ready: true, waitingFor: null, failure: null } as const;

test("a program that works is good", () => {
  expect(conditionOf(program)).toEqual({ tone: "good", label: "state.running" });
});

test("a running program that is not ready is not called running", () => {
  expect(conditionOf({ ...program, ready: false }).label).toBe("state.loading");
});

test("what waits for a person is told apart from what fails", () => {
  expect(conditionOf({ ...program, waitingFor: "INPUT" }).tone).toBe("ask");
  expect(conditionOf({ ...program, waitingFor: "TERMS" }).tone).toBe("ask");
  expect(conditionOf({ ...program, waitingFor: "BACKOFF" }).tone).toBe("bad");
});
