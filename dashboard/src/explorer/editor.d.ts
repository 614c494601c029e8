// The editor's workers have no types, and need none: they are run.
declare module "monaco-editor/esm/vs/*.worker.js";
