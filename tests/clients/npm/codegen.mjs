// graphql-codegen: reads the schema by introspection, and makes types of operations, which the compiler then checks a program
// against. What introspection says of the schema is what the printed one says.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { generate } from "@graphql-codegen/cli";
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from "graphql";
import { request } from "graphql-request";
import { CREATE, FIND, WATCH, url } from "./scenario.mjs";

const printed = (schema) => printSchema(lexicographicSortSchema(schema));
const introspected = await request(url, getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true }));
const expected = buildSchema(readFileSync(process.env.PRINTED_SCHEMA, "utf8"));
assert.equal(printed(buildClientSchema(introspected)), printed(expected));

writeFileSync(
  "program.ts",
  `import { graphql } from "./generated";
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";
const find = graphql(\`${FIND}\`);
const create = graphql(\`${CREATE}\`);
const watch = graphql(\`${WATCH}\`);
export const asked: VariablesOf<typeof find> = { search: "x" };
export const names = (found: ResultOf<typeof find>): string[] => found.instances.map((instance) => instance.name);
export const cores = (seen: ResultOf<typeof watch>): number => seen.systemMetrics.cpu.cores;
export const input: VariablesOf<typeof create> = { input: { instanceId: "x", userId: "1", profile: { age: 25 } } };
// @ts-expect-error: a person needs a user id
export const wrong: VariablesOf<typeof create> = { input: { instanceId: "x" } };
`,
);
await generate({ schema: url, documents: "program.ts", silent: true, generates: { "./generated/": { preset: "client" } } });
execFileSync(
  "npx",
  ["--no-install", "tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022", "program.ts"],
  { stdio: "inherit" },
);
