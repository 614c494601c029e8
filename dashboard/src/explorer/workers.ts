/** Where the editor's workers are. The editor makes them of these addresses, with a Trusted Types policy of its own. */
import editor from "monaco-editor/esm/vs/editor/editor.worker.js?worker&url";
import json from "monaco-editor/esm/vs/language/json/json.worker.js?worker&url";
import graphql from "monaco-graphql/esm/graphql.worker.js?worker&url";

const URLS: Readonly<Record<string, string>> = { json, graphql };

Object.assign(globalThis, {
  MonacoEnvironment: { getWorkerUrl: (_module: string, label: string) => URLS[label] ?? editor },
});
