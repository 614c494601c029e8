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

export default defineConfig({
  plugins: [withoutEmbeddedFonts, react()],
  base: "/",
  build: {
    outDir: "../rest/built_pages",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: { input: "explorer.html" },
    chunkSizeWarningLimit: 8000,
  },
});
