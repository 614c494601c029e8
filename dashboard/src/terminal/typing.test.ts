import { expect, test, vi } from "vitest";
import type { Message } from "./link";
import { createTyping } from "./typing";

interface Input {
  seq: number;
  data: string;
}

/** What holds a terminal: it types each number once, in order. */
function holder() {
  let held = 0;
  let typed = "";
  return {
    typed: () => typed,
    forget: () => {
      held = 0;
    },
    take: ({ seq, data }: Input): Message => {
      if (seq > held + 1) return { type: "error", code: "CONFLICT", message: "not the next", seq };
      if (seq === held + 1) {
        if (data === "bad") return { type: "error", code: "COMMAND_FAILED", message: "nothing runs", seq };
        held = seq;
        typed += data;
      }
      return { type: "input_ack", seq, held };
    },
  };
}

function setUp() {
  const terminal = holder();
  const sent: Input[] = [];
  const refused: string[] = [];
  const uncertain: string[] = [];
  let waiting = 0;
  const typing = createTyping("me", (message) => sent.push(message as Input), {
    waiting: (characters) => {
      waiting = characters;
    },
    refused: (data) => refused.push(data),
    uncertain: (data) => uncertain.push(data),
  });
  /** Lets what was sent arrive, and its answers too if they are not lost. */
  const arrive = (count: number, answered: boolean) => {
    for (const input of sent.splice(0, count)) {
      const answer = terminal.take(input);
      if (answered) typing.answered(answer);
    }
  };
  const settle = () => {
    while (sent.length) arrive(1, true);
  };
  return { terminal, sent, typing, refused, uncertain, arrive, settle, waiting: () => waiting };
}

test("what is typed once arrives once and in order, wherever the connection is cut", () => {
  const { terminal, sent, typing, arrive, settle, uncertain, waiting } = setUp();
  let wanted = "";
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  typing.opened();
  for (let number = 0; number < 2000; number += 1) {
    const data = `${number} `;
    wanted += data;
    typing.type(data);
    arrive(random(3), true);
    if (random(5) === 0) {
      arrive(random(4), false);
      sent.length = 0;
      typing.closed();
      if (random(2) === 0) {
        wanted += "x";
        typing.type("x");
      }
      typing.opened();
    }
  }
  settle();
  expect(terminal.typed()).toBe(wanted);
  expect(uncertain).toEqual([]);
  expect(waiting()).toBe(0);
});

test("what is refused is told, and what was typed behind it arrives", () => {
  const { terminal, typing, refused, settle } = setUp();
  typing.opened();
  for (const data of ["a", "bad", "b", "c"]) typing.type(data);
  settle();
  expect(refused).toEqual(["bad"]);
  expect(terminal.typed()).toBe("abc");
});

test("what may have been typed before the terminal forgot its viewer is told, and not typed again", () => {
  const { terminal, sent, typing, uncertain, arrive, settle } = setUp();
  typing.opened();
  typing.type("a");
  settle();
  typing.type("b");
  arrive(1, false);
  typing.closed();
  terminal.forget();
  typing.type("c");
  sent.length = 0;
  typing.opened();
  settle();
  expect(uncertain).toEqual(["b"]);
  expect(terminal.typed()).toBe("abc");
});

test("where it is not known whether input arrived, the terminal is asked", () => {
  vi.useFakeTimers();
  const { terminal, sent, typing, settle } = setUp();
  typing.opened();
  typing.type("a");
  for (const input of sent.splice(0)) terminal.take(input);
  typing.answered({ type: "error", code: "CONNECTION_FAILED", message: "", seq: 1 });
  typing.type("b");
  vi.runAllTimers();
  settle();
  expect(terminal.typed()).toBe("ab");
  vi.useRealTimers();
});

test("a long text goes in parts that split no character, and one without end is refused", () => {
  const { sent, typing, refused } = setUp();
  typing.opened();
  const text = `a${"😀".repeat(70_000)}`;
  typing.type(text);
  expect(sent.length).toBeGreaterThan(1);
  for (const { data } of sent) expect(data).not.toMatch(/[\ud800-\udbff]$/);
  expect(sent.map((input) => input.data).join("")).toBe(text);
  typing.type("x".repeat(1 << 20));
  expect(refused.length).toBe(1);
});
