/** The terminal's colours on a light and on a dark page. */
import type { ITheme } from "@xterm/xterm";
import { theme } from "../app/theme";

const LIGHT: ITheme = {
  background: "#fdfdfd",
  foreground: "#1b2128",
  cursor: "#2456c8",
  cursorAccent: "#fdfdfd",
  selectionBackground: "#b9cdf5",
  black: "#1b2128",
  red: "#b3261e",
  green: "#18703a",
  yellow: "#7d5800",
  blue: "#2456c8",
  magenta: "#7a2fb0",
  cyan: "#0b6b74",
  white: "#5a6572",
};

const DARK: ITheme = {
  background: "#0b0e11",
  foreground: "#e8ecf1",
  cursor: "#7aa6ff",
  cursorAccent: "#0b0e11",
  selectionBackground: "#2f4370",
  black: "#4a5561",
  red: "#ff8a80",
  green: "#57c785",
  yellow: "#e5b567",
  blue: "#7aa6ff",
  magenta: "#cf9bff",
  cyan: "#5fd0d8",
  white: "#e8ecf1",
};

const dark = matchMedia("(prefers-color-scheme: dark)");

export function colours(): ITheme {
  const chosen = theme.get();
  return chosen === "dark" || (chosen === "system" && dark.matches) ? DARK : LIGHT;
}

/** Calls `changed` when the page turns light or dark. */
export function followColours(changed: () => void): () => void {
  dark.addEventListener("change", changed);
  const unwatch = theme.subscribe(changed);
  return () => {
    dark.removeEventListener("change", changed);
    unwatch();
  };
}
