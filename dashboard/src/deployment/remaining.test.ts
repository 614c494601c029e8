import { expect, test } from "vitest";
import { remainingNow } from "./remaining";

test("what has passed is taken off both ends, and the shorter one never falls below zero", () => {
  expect(remainingNow({ leastS: 20, mostS: 60 }, 5.4)).toEqual({ leastS: 15, mostS: 55 });
  expect(remainingNow({ leastS: 20, mostS: 60 }, 30)).toEqual({ leastS: 0, mostS: 30 });
});

test("once even the longest time is over, nothing is claimed any more", () => {
  expect(remainingNow({ leastS: 20, mostS: 60 }, 60)).toBeUndefined();
});
