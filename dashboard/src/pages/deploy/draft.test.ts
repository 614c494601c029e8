import { expect, test } from "vitest";
import { inputOf, portOf } from "./draft";

const WANTED = { recipe: "maibot", version: "latest", ports: {}, start: true };

test("what nobody has typed is left to the server, with all services", () => {
  const input = inputOf(WANTED, ["napcat", "adapter"], true);
  expect(input).toMatchObject({ name: "", path: null, port: null, autoStart: true, acceptTerms: true });
  expect(input.services).toEqual([
    { name: "napcat", port: null },
    { name: "adapter", port: null },
  ]);
});

test("nothing is started without the terms", () => {
  expect(inputOf(WANTED, [], false)).toMatchObject({ autoStart: false, acceptTerms: false });
});

test("a port that is no number is asked for as one that the server refuses", () => {
  const ports = { main: "eighty", napcat: "6100", adapter: " " };
  const input = inputOf({ ...WANTED, ports, services: ["napcat", "adapter"] }, [], true);
  expect(input.port).toBe(0);
  expect(input.services).toEqual([
    { name: "napcat", port: 6100 },
    { name: "adapter", port: null },
  ]);
});

test("no port is one that the server cannot even read", () => {
  expect(["99999999999", "80.5", "-1", " 8080 "].map(portOf)).toEqual([0, 0, 0, 8080]);
});
