/** Notices that the server was upgraded under an open page, and loads the page anew where nobody looks at it. */
import { connections } from "../api/connection";
import { outdated } from "../api/errors";

const RELOADED = "mailauncher.reloadedAt";
/** Not oftener than this by itself: a server whose pages do not fit each other must not make a page that never rests. */
const RELOAD_AGAIN_MS = 60_000;

/** For as long as the page lives. What is typed into a form is kept over a reload, see `useDraft`. */
export function followVersion(): void {
  connections.subscribe(() => void compare());
  // A part of this page that the server no longer has.
  addEventListener("vite:preloadError", () => outdated.set(true));
  outdated.subscribe(reloadUnseen);
  document.addEventListener("visibilitychange", reloadUnseen);
}

/** The page that the server gives out now starts with other files, unless it is of the same build. */
async function compare(): Promise<void> {
  const own = document.querySelector<HTMLScriptElement>("script[type=module]")?.getAttribute("src");
  if (!own) return;
  try {
    const answer = await fetch("/", { headers: { accept: "text/html" } });
    if (answer.ok && !(await answer.text()).includes(own)) outdated.set(true);
  } catch {
    // The connection is lost again: it is asked after the next one.
  }
}

function reloadUnseen(): void {
  if (!outdated.get() || !document.hidden) return;
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Date.now() - last < RELOAD_AGAIN_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
}
