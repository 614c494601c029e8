// What every client is asked to do, and what it must understand of the answers. A client's script adapts its own interface
// to `execute(document, variables) -> {data, errors}` and `subscribe(document, variables, count) -> [{data, errors}]`, which
// ends after `count` results or when the server ends it. It is started with the server's address, an instance's id, and a
// number that no other client was given.
import assert from "node:assert/strict";

export const [url, instanceId, number] = process.argv.slice(2);
export const socketUrl = url.replace(/^http/, "ws");

export const FIND = `query Find($search: String!) { instances(search: $search) { id name } }`;
export const CREATE = `mutation Create($input: CreatePersonInput!) { createPerson(input: $input) { person { nickname } } }`;
export const FAIL = `mutation Fail { startInstance(input: { id: "x" }) { message } }`;
export const INVALID = `query Invalid { nope }`;
export const WATCH = `subscription Watch { systemMetrics(intervalMs: 100) { cpu { cores } } }`;
export const WATCH_NONE = `subscription WatchNone { deploymentProgress(instanceId: "x") { cursor } }`;

const code = (result) => result.errors[0].extensions.code;
let created = 0;

export async function tryQueries(name, execute) {
  const found = await execute(FIND, { search: "树苗" });
  assert.deepEqual(
    found.data.instances.map(({ id, name }) => ({ id, name })),
    [{ id: instanceId, name: "树苗 1" }],
    name,
  );
  assert.equal(code(await execute(INVALID, {})), "INVALID_PARAMETER", name);
}

export async function tryMutations(name, execute) {
  const input = { instanceId, userId: `${number}-${created++}`, nickname: "🤖\n\"" };
  const made = await execute(CREATE, { input });
  // Names of one line have no line breaks: the server says which field is wrong, and the client shows it.
  assert.equal(code(made), "INVALID_PARAMETER", name);
  assert.equal(made.errors[0].extensions.field, "nickname", name);
  const again = await execute(CREATE, { input: { ...input, nickname: "🤖 \"树\"" } });
  assert.equal(again.data.createPerson.person.nickname, "🤖 \"树\"", name);
  assert.equal(code(await execute(FAIL, {})), "INSTANCE_NOT_FOUND", name);
}

export async function trySubscriptions(name, subscribe) {
  const seen = await subscribe(WATCH, {}, 2);
  assert.equal(seen.length, 2, name);
  for (const { data } of seen) assert(data.systemMetrics.cpu.cores >= 1, name);
  const [none, ...more] = await subscribe(WATCH_NONE, {}, 2);
  assert.equal(code(none), "INSTANCE_NOT_FOUND", name);
  assert.equal(more.length, 0, name);
}

// The results of an async iterator, at most `count`; leaving it ends the subscription.
export async function collect(iterator, count) {
  const seen = [];
  for await (const result of iterator) {
    seen.push(result);
    if (seen.length === count) break;
  }
  return seen;
}
