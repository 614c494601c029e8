import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** GraphiQL's styles carry their fonts as `data:`, which the policy does not admit; the system has fonts. That of the editor's
 * symbols is a file too. */
const withoutEmbeddedFonts: Plugin = {
  name: "without-embedded-fonts",
  enforce: "pre",
  transform: {
    filter: { id: /graphiql.*\.css$/ },
    handler: (code) => code.replace(/@font-face\s*\{[^}]*url\(["']?data:[^}]*\}/g, ""),
  },
};

/** Parts of the editor that work only with a provider, which neither GraphQL nor JSON has, or that nothing here opens: they
 * would be a sixth of it. */
const UNUSED = [
  "browser/widget/diffEditor/diffEditor.contribution",
  "contrib/codelens/browser/codelensController",
  "contrib/colorPicker/browser/colorContributions",
  "contrib/colorPicker/browser/standaloneColorPickerActions",
  "contrib/diffEditorBreadcrumbs/browser/contribution",
  "contrib/inlineCompletions/browser/inlineCompletions.contribution",
  "contrib/inlineEdit/browser/inlineEdit.contribution",
  "contrib/inlineEdits/browser/inlineEdits.contribution",
  "contrib/linkedEditing/browser/linkedEditing",
  "contrib/parameterHints/browser/parameterHints",
  "contrib/rename/browser/rename",
  "contrib/semanticTokens/browser/documentSemanticTokens",
  "contrib/semanticTokens/browser/viewportSemanticTokens",
  "contrib/suggest/browser/suggestInlineCompletions",
  "standalone/browser/inspectTokens/inspectTokens",
];
/** The editor's own code names these classes. */
const WIDGETS = {
  "browser/widget/diffEditor/diffEditorWidget": "DiffEditorWidget",
  "browser/widget/multiDiffEditor/multiDiffEditorWidget": "MultiDiffEditorWidget",
};
const EDITOR = "monaco-editor/esm/vs/editor/";
const replacements = new Map<string, string>([
  ...UNUSED.map((part) => [`${EDITOR}${part}.js`, "export {};"] as const),
  ...Object.entries(WIDGETS).map(
    ([part, name]) => [`${EDITOR}${part}.js`, `export class ${name} {}`] as const,
  ),
]);

const withoutUnusedParts: Plugin = {
  name: "without-unused-parts",
  enforce: "pre",
  transform: {
    filter: { id: /monaco-editor\/esm\/vs\/editor\// },
    handler: (_code, id) => {
      const part = id.slice(id.indexOf(EDITOR));
      const replacement = replacements.get(part);
      replacements.delete(part);
      return replacement;
    },
  },
  buildEnd: (failure) => {
    if (!failure && replacements.size > 0)
      throw new Error(`not in the editor: ${[...replacements.keys()].join(", ")}`);
  },
};

export default defineConfig({
  plugins: [withoutEmbeddedFonts, withoutUnusedParts, react()],
  base: "/",
  worker: { format: "es" },
  build: {
    outDir: "../rest/built_pages",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: { input: "explorer.html" },
    chunkSizeWarningLimit: 8000,
  },
});
