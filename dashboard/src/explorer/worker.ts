/** Each of the editor's workers, which share most of their code: the editor names the one that it wants. */
const early: MessageEvent[] = [];
self.onmessage = (event) => early.push(event);
await load(self.name);
for (const event of early) self.onmessage(event);

function load(name: string): Promise<unknown> {
  switch (name) {
    case "json":
      return import("monaco-editor/esm/vs/language/json/json.worker.js");
    case "graphql":
      return import("monaco-graphql/esm/graphql.worker.js");
    default:
      return import("monaco-editor/esm/vs/editor/editor.worker.js");
  }
}

export type {};
