import { expect, test } from "vitest";
import { filtersOf, inTerminal, parametersOf, variablesOf } from "./filters";

const ADDRESS =
  "q=port+%5Cd%2B&regex=1&case=1&word=1&level=ERROR&time=custom&from=2026-12-01T10%3A00&to=2026-12-01T11%3A00&in=all";

test("an address has all filters, and the filters give the address again", () => {
  const filters = filtersOf(new URLSearchParams(ADDRESS), "here");
  expect(filters).toMatchObject({
    text: "port \\d+",
    regex: true,
    wholeWord: true,
    level: "ERROR",
    within: "all",
  });
  expect(parametersOf(filters).toString()).toBe(ADDRESS);
});

test("what is no filter stays in the address, and an old filter does not", () => {
  const others = new URLSearchParams("terminal=napcat&regex=1");
  const filters = filtersOf(new URLSearchParams("q=x"), "here");
  expect(parametersOf(filters, others).toString()).toBe("terminal=napcat&q=x&in=here");
});

test("an unknown level or time is none", () => {
  const filters = filtersOf(new URLSearchParams("q=x&level=LOUD&time=soon"), "here");
  expect(filters).toMatchObject({ level: "", span: "" });
});

test("the server is asked for a terminal, an instance or all, and for times", () => {
  const asked = (address: string) => variablesOf(filtersOf(new URLSearchParams(address), "all"), 7_200_000);
  expect(asked("q=x")).toMatchObject({ instanceId: null, sessionId: null, begin: null, end: null });
  expect(asked("q=x&in=a1")).toMatchObject({ instanceId: "a1", sessionId: null });
  expect(asked("q=x&in=a1_main")).toMatchObject({ instanceId: null, sessionId: "a1_main" });
  expect(asked("q=x&time=1h").begin).toBe("1970-01-01T01:00:00.000Z");
  expect(asked("q=x&from=2026-12-01T10:00").begin).toBeNull();
  expect(asked("q=x&time=custom&from=2026-12-01T10:00").begin).toBe(
    new Date("2026-12-01T10:00").toISOString(),
  );
});

test("in another terminal the filters stay, and the place in the former log does not", () => {
  const next = inTerminal(new URLSearchParams("q=x&terminal=main&at=12&in=a1_main&level=ERROR"), "napcat");
  expect(next.toString()).toBe("q=x&terminal=napcat&level=ERROR");
});
