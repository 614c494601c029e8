/**
 * Without WebGL, xterm.js makes its screen of spans and writes colours that no class stands for (24-bit ones, those of a selection,
 * those changed for contrast) into their attribute `style`, which the pages' policy forbids. The same through the span's
 * own style is allowed.
 */
export function allowStylesOfSpans(): void {
  HTMLSpanElement.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}
