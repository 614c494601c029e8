import { expect, test } from "vitest";
import { inputOf, otherPorts, portOf } from "./draft";

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

test("a free port is offered for the program whose typed one is taken, and for no other", () => {
  const wanted = { ...WANTED, ports: { main: " 8000", napcat: "6099", adapter: "" } };
  const proposed = [
    { name: "main", port: 8001 },
    { name: "napcat", port: 6099 },
    { name: "adapter", port: 8095 },
  ];
  expect(otherPorts(wanted, [{ port: 8000 }, { port: null }], proposed)).toEqual([proposed[0]]);
  expect(otherPorts(wanted, [], proposed)).toEqual([]);
});
