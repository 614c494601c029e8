/** The tab's icon and title: how many bots are down. The shape changes too, not only the colour. */
import { conditionOf } from "../live/condition";
import { instances } from "../live/instances";

const GOOD = '<circle cx="16" cy="16" r="12" fill="#2e9e5b"/>';
const BAD = '<path d="M16 3 30 28H2Z" fill="#d33"/><path d="M16 12v8m0 3v2" stroke="#fff" stroke-width="3"/>';

export function followIcon(): void {
  let shown = -1;
  instances.subscribe(() => {
    let down = 0;
    for (const instance of instances.get().byId.values()) if (conditionOf(instance).tone === "bad") down++;
    if (down === shown) return;
    shown = down;
    const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${down ? BAD : GOOD}</svg>`;
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (icon) icon.href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
    document.title = down ? `(${down}) MaiLauncher` : "MaiLauncher";
  });
}
