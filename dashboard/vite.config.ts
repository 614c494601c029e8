import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const SERVER = "http://localhost:23456";

// The explorer has a build of its own: the bundler would merge parts of it into what every page loads.
export default defineConfig({
  plugins: [react()],
  base: "/",
  build: {
    outDir: "../rest/built_pages",
    emptyOutDir: true,
    target: "es2022",
    // The first browsers with light-dark(). What older ones need instead would not follow the chosen theme.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // One file, which is small, keeps the cascade layers in their order whatever is loaded first.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
  },
  // `npm run dev` shows the pages as they are edited, with the data of a server that runs at its usual address.
  server: {
    proxy: {
      "^/(graphql|ws)": { target: SERVER, ws: true },
      "^/(api|static)/|^/session": SERVER,
    },
  },
});
